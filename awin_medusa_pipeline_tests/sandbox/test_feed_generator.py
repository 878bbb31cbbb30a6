"""The made-up feed: what it says it holds is what the parser finds."""

import csv
import gzip
import zipfile
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from awin_medusa_pipeline.sandbox.feed_generator import COLUMNS, write_feed
from awin_medusa_pipeline.sync.domain.contracts import Offer, RejectedRow
from awin_medusa_pipeline.sync.domain.feed import rows as feed_rows
from awin_medusa_pipeline.sync.domain.feed import unpack
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules, open_feed
from awin_medusa_pipeline.sync.engine.intake import FeedParts, whole_feed


@pytest.mark.parametrize(("offers", "merchants"), [(1, 1), (7, 2), (40, 1), (500, 3), (9_000, 5)])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".zip"])
def test_the_parser_finds_what_was_put_in(tmp_path: Path, offers: int, merchants: int, suffix: str) -> None:
    facts = write_feed(tmp_path / f"feed{suffix}", offers=offers, merchants=merchants)
    parts = FeedParts(tmp_path / "parts", FeedRules())
    read = parts.add(facts.path, "made")
    found, rejects = Offer.validate(parts.offers.collect()), RejectedRow.validate(parts.rejects.collect())
    assert dict(sorted(Counter(rejects["reason"]).items())) == facts.rejected
    assert (found.height, read.rows) == (offers, facts.rows)
    stock = {True: "in_stock", False: "out_of_stock", None: "unknown"}
    assert {stock[value]: count for value, count in Counter(found["in_stock"]).items()} == facts.stock
    assert read.damaged == facts.quirks.get("bad_byte", 0)
    assert not found["name"].str.contains("Â|Ã|&#|  ").any(), "entities and broken encodings are repaired"
    assert found["image_url"].null_count() == facts.quirks.get("image_missing", 0)
    gtin_lost = facts.quirks.get("gtin_list", 0) + facts.quirks.get("gtin_invalid", 0)
    assert found["gtin"].null_count() <= gtin_lost


def test_small_chunks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = write_feed(tmp_path / "feed.csv", offers=3_000)

    def read() -> tuple[pl.DataFrame, pl.DataFrame, int]:
        batches = list(open_feed(facts.path, label="made", rules=FeedRules()).batches())
        return pl.concat(b.offers for b in batches), pl.concat(b.rejects for b in batches), len(batches)

    offers, rejects, batches = read()
    assert batches == 1
    monkeypatch.setattr(unpack, "PIECE", 10_000)
    monkeypatch.setattr(feed_rows, "CHUNK", 60_000)
    small_offers, small_rejects, batches = read()
    assert batches > 20
    assert small_offers.equals(offers)
    assert small_rejects.equals(rejects)


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    first, second, other = (
        write_feed(tmp_path / str(at) / "f.csv.gz", offers=300, seed=s).path for at, s in enumerate((1, 1, 2))
    )
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != other.read_bytes()


def test_a_plain_feed_is_php_quoted_csv(tmp_path: Path) -> None:
    facts = write_feed(tmp_path / "feed.csv", offers=200, quirks=False)
    assert (facts.rows, facts.rejected, facts.quirks) == (200, {}, {})
    text = facts.path.read_text()
    rows = list(csv.reader(text.splitlines(), strict=True))
    assert rows[0] == COLUMNS
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert ",Plum," in text or ",Navy," in text, "no quotes without need"
    assert '"Sky Blue"' in text


def test_packing_follows_the_name(tmp_path: Path) -> None:
    plain = write_feed(tmp_path / "f.csv", offers=50).path.read_bytes()
    assert gzip.decompress(write_feed(tmp_path / "f.csv.gz", offers=50).path.read_bytes()) == plain
    with zipfile.ZipFile(write_feed(tmp_path / "f.zip", offers=50).path) as archive:
        assert archive.read("datafeed.csv") == plain


def test_tomorrow_some_go_some_come_some_change(tmp_path: Path) -> None:
    def offers(day: int) -> pl.DataFrame:
        facts = write_feed(tmp_path / f"{day}.csv", offers=3_000, day=day, euro_merchant=True)
        return whole_feed(facts.path, label="made")

    today, tomorrow = offers(0), offers(1)
    assert today.join(tomorrow, on="offer_key", how="anti").height == 100
    assert tomorrow.join(today, on="offer_key", how="anti").height == 100
    both = today.join(tomorrow, on="offer_key", suffix="_new")
    assert 0.1 < (both["price"] != both["price_new"]).mean() < 0.3
    assert both.filter(pl.col("in_stock") != pl.col("in_stock_new")).height > 10
    assert both["name"].equals(both["name_new"].alias("name"))
    assert set(today["currency"]) == {"gbp", "eur"}
