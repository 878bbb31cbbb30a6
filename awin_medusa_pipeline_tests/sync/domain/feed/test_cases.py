"""Inputs from the wild, one file each in cases/: what must come out of a feed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awin_medusa_pipeline.sync.domain import feed_guards, rules
from awin_medusa_pipeline.sync.domain.contracts import Offer, RejectedRow
from awin_medusa_pipeline.sync.domain.discrepancies import wanted_level
from awin_medusa_pipeline.sync.domain.feed.feed import FeedRules
from awin_medusa_pipeline.sync.domain.rules import StockRules
from awin_medusa_pipeline.sync.engine.intake import FeedParts
from awin_medusa_pipeline_tests.support.factories import catalog, variant

CASES = Path(__file__).parents[3] / "cases"
RULES = FeedRules(now=datetime(2026, 11, 15, 12, tzinfo=UTC))


def take(folder: Path, file: Path, shop: pl.LazyFrame | None = None) -> FeedParts:
    """Read one feed and check that its rows add up."""
    parts = FeedParts(folder, RULES, shop)
    read = parts.add(file, "made")
    Offer.validate(parts.offers.collect())
    RejectedRow.validate(parts.rejects.collect())
    assert parts.offers.collect().height == parts.facts[0].accepted
    assert parts.rejects.collect().height == parts.facts[0].rejected
    assert parts.facts[0].rows == read.rows
    return parts


def case(folder: Path, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """These columns of the offers of a case, by their ids."""
    found = take(folder, CASES / f"{name}.csv").offers.sort("merchant_product_id").collect()
    return found.select(columns).rows()


def rejected(parts: FeedParts) -> list[tuple[int, str]]:
    """Line and reason of every rejected row."""
    return parts.rejects.sort("line").select("line", "reason").collect().rows()


def test_01_stock_words(tmp_path: Path) -> None:
    parts = take(tmp_path, CASES / "01_stock_words.csv")
    levels = wanted_level(parts.offers, StockRules()).sort("merchant_product_id").collect()["wanted_level"]
    assert levels.to_list() == [0, 10, 0, 10, None, None]
    (trip,) = feed_guards.check_facts(parts.facts[0], [], rules.Limits())
    assert (trip.guard, trip.holds, trip.merchant_id) == ("unread_stock", rules.Scope.IMPORT, "8102")
    assert "“qqq”, “zzz”" in trip.sentence
    assert "in_stock in 2 rows (“qqq”, “zzz”)" in (feed_guards.unread_cells(parts.facts[0]) or "")


CELLS: dict[str, tuple[Sequence[str], list[tuple[Any, ...]]]] = {
    "02_decimal_quantities": (("in_stock", "quantity"), [(True, 7), (False, 0), (False, 0), (True, 1_200)]),
    "03_numbers_as_status": (("in_stock", "quantity"), [(False, None), (True, None), (True, 40), (False, None)]),
    "04_sale_dates": (("price",), [(Decimal(price),) for price in (50, 20, 50, 50, 50, 20)]),
    "05_no_parent": (("parent_product_id",), [(None,)] * 6 + [("900",)] * 2),
    "16_damaged_name": (
        ("name", "description", "merchant_name", "brand", "colour", "size", "category"),
        [("Caf\ufffd Chair", *[None] * 6)],
    ),
    "21_categories": (
        ("category", "description"),
        [(None, "x"), ("Garden > Pots", "x"), ("Garden > Pots", "Neat")],
    ),
    "17_images": (
        ("image_url", "more_image_urls"),
        [
            ("https://p.example/1.jpg?w=1&h=2", []),
            ("https://p.example/1.jpg", ["https://p.example/2.jpg", "https://p.example/3.jpg"]),
            ("https://p.example/1.jpg", ["https://p.example/2.jpg"]),
            ("https://p.example/1.jpg", ["https://p.example/2.jpg", "https://p.example/w_1,h_2/3.jpg"]),
        ],
    ),
}


@pytest.mark.parametrize(("name", "columns", "expected"), [(name, *both) for name, both in CELLS.items()], ids=CELLS)
def test_cells(tmp_path: Path, name: str, columns: Sequence[str], expected: list[tuple[Any, ...]]) -> None:
    assert case(tmp_path, name, *columns) == expected


def test_04_unread_dates_are_told(tmp_path: Path) -> None:
    parts = take(tmp_path, CASES / "04_sale_dates.csv")
    assert parts.facts[0].unread == {"sale_price_effective_date": {"1/2/2026": 1}}


def test_05_one_parent_for_most(tmp_path: Path) -> None:
    parts = take(tmp_path, CASES / "05_one_parent_for_most.csv")
    keys = parts.offers.sort("merchant_product_id").collect()["product_key"].to_list()
    assert keys == [*(f"awin:8106:{id_}" for id_ in "abc"), "awin:8106:900", "awin:8106:900"]
    assert "parent_product_id" in (feed_guards.unread_cells(parts.facts[0]) or "")


@pytest.mark.parametrize(("in_shop", "stands"), [(None, "8107"), ("8107", "8107"), ("8108", "8108")])
@pytest.mark.parametrize("turned", [False, True])
def test_06_of_one_sku_the_shops_offer_stands(tmp_path: Path, in_shop: str | None, stands: str, turned: bool) -> None:
    header, *rows = (CASES / "06_two_merchants_one_sku.csv").read_text().splitlines()
    file = tmp_path / "feed.csv"
    file.write_text("\n".join([header, *(reversed(rows) if turned else rows)]))
    shop = catalog(*([variant("x", sku="500", external_id=f"awin:{in_shop}:500")] if in_shop else []))
    parts = take(tmp_path / "parts", file, shop)
    assert parts.offers.collect()["merchant_id"].to_list() == [stands]
    reject = parts.rejects.collect().row(0, named=True)
    assert (reject["reason"], reject["raw"][:4] == stands) == ("duplicate_sku", False)
    assert reject["raw"] in rows


def test_07_of_one_id_the_same_row_stands_in_any_order(tmp_path: Path) -> None:
    header, *rows = (CASES / "07_one_id_twice.csv").read_text().splitlines()
    for number, ordered in enumerate((rows, rows[::-1])):
        file = tmp_path / f"{number}.csv"
        file.write_text("\n".join([header, *ordered]))
        parts = take(tmp_path / str(number), file)
        assert parts.offers.collect()["size"].to_list() == ["120 cm"]
        assert [reason for _, reason in rejected(parts)] == ["duplicate"]


def test_08_a_parent_row_is_no_variant(tmp_path: Path) -> None:
    parts = take(tmp_path, CASES / "08_parent_row.csv")
    assert rejected(parts) == [(2, "parent_row")]
    assert feed_guards.many_rejected(parts.facts[0], rules.Limits()) == []


def test_18_not_sold(tmp_path: Path) -> None:
    parts = take(tmp_path, CASES / "18_not_sold.csv")
    assert rejected(parts) == [(2, "not_for_sale"), (4, "not_valid"), (5, "not_valid")]
    assert parts.facts[0].unread == {"valid_to": {"31/01/2020": 1}}


def test_18_dates_that_most_rows_have_behind_them_are_no_dates(tmp_path: Path) -> None:
    file = tmp_path / "feed.csv"
    header = (CASES / "18_not_sold.csv").read_text().splitlines()[0]
    file.write_text("\n".join([header, *(f"1,{n},Jar {n},5,GBP,1,1,,2018-05-29" for n in range(4))]))
    parts = take(tmp_path / "parts", file)
    assert parts.facts[0].accepted == 4
    assert "most rows" in (feed_guards.unread_cells(parts.facts[0]) or "")


def test_19_decimals_of_the_currency(tmp_path: Path) -> None:
    parts = take(tmp_path, CASES / "19_decimals.csv")
    assert parts.offers.collect()["price"].to_list() == [Decimal("1.299"), Decimal(1299)]
    assert rejected(parts) == [(4, "unclear_price")]


def test_20_schema_org(tmp_path: Path) -> None:
    parts = take(tmp_path, CASES / "20_schema_org.csv")
    assert parts.offers.collect()["in_stock"].to_list() == [True, False, False]
    assert rejected(parts) == [(5, "shifted_columns")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.data())
def test_the_order_of_the_rows_changes_nothing(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    ids, parents = st.sampled_from(["a", "b", "c", "P"]), st.sampled_from(["", "P", "0", "a"])
    cells = st.tuples(
        st.sampled_from("12"), ids, st.sampled_from(["Lamp", "Rug"]), st.sampled_from(["1", "2", "x"]), st.just("GBP"),
        st.sampled_from(["1", "nein", "zzz", ""]), parents, st.sampled_from(["", "Red"]),
    )  # fmt: skip
    rows = data.draw(
        st.lists(cells, min_size=1, max_size=12).map(lambda found: [*found, ("9", "z", "Z", "1", "GBP", "1", "", "")])
    )
    shop = catalog(variant("x", external_id="awin:2:a"), variant("y", external_id="awin:1:b"))
    header = (CASES / "08_parent_row.csv").read_text().splitlines()[0].removesuffix(",Fashion:size")
    found = []
    for ordered in (rows, data.draw(st.permutations(rows))):
        folder = tmp_path_factory.mktemp("feed")
        (folder / "feed.csv").write_text("\n".join([header, *(",".join(row) for row in ordered)]))
        parts = take(folder / "parts", folder / "feed.csv", shop)
        rejects = parts.rejects.drop("line").collect().rows()
        found.append(
            (sorted(parts.offers.drop("line", "more_image_urls").collect().rows(), key=str), sorted(rejects, key=str))
        )
    assert found[0] == found[1]
