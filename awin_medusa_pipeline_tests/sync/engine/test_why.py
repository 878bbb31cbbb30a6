"""The story of one product, from runs that a store remembers; and once from real ones (end_to_end/test_why.py)."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import dataframely as dy
import polars as pl
import pytest

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.store.database import Database, open_database
from awin_medusa_pipeline.core.tables import Tables
from awin_medusa_pipeline.sync.domain import contracts
from awin_medusa_pipeline.sync.domain.operations import Kind, NotSent, Operation, Status
from awin_medusa_pipeline.sync.domain.traced import TRACED
from awin_medusa_pipeline.sync.engine import why
from awin_medusa_pipeline.sync.store.feed_history import FeedHistory, FeedState
from awin_medusa_pipeline.sync.store.ledger import Ledger, Outcome
from awin_medusa_pipeline_tests.support.command_line import run
from awin_medusa_pipeline_tests.support.factories import Row, catalog, offer, offers, variant

SHOP = "http://127.0.0.1:9"
START = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
LAMP = offer("LAMP-1", aw_product_id="4711", gtin="4006381333931", name="Lamp")
SMALL, LARGE = (offer(f"COAT-{size}", parent="COAT", name=f"Coat {size}") for size in "SL")
TWIN = offer("LAMP-1", merchant="2", sku="2-LAMP-1", name="Another lamp")
BROKEN = {"feed": "feed.csv", "line": 9, "reason": "malformed_quote", "detail": "A quote", "raw": '1,CHAIR-7,"x'}
UNSOLD = BROKEN | {"line": 10, "reason": "no_price", "detail": "No price", "raw": "10", "offer_key": "awin:1:10"}


def rows(contract: type[dy.Schema], *found: Row) -> pl.LazyFrame:
    return pl.LazyFrame(list(found), schema=dtypes(contract), orient="row")


def matched(row: Row, id_: str, product: str) -> Row:
    ids = {"variant_id": f"variant_{id_}", "product_id": product, "handle": f"handle-{product}", "sku": row["sku"]}
    return {"offer_key": row["offer_key"], "match_reason": "sku"} | ids


@pytest.fixture(params=["local", "memory"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A home with two runs: the lamp was there and then gone, and in a third one the feed was refused."""
    home = str(tmp_path / "home") if request.param == "local" else f"memory://{tmp_path}"
    url = f"sqlite:///{tmp_path}/state.db"
    settings = {
        "AWIN_MEDUSA_HOME": home,
        "AWIN_MEDUSA_DATABASE_URL": url,
        "AWIN_MEDUSA_ENV_FILE": str(tmp_path / ".env"),
    }
    settings |= {"MEDUSA_BACKEND_URL": SHOP, "COLUMNS": "200"}
    with patch.dict(os.environ, settings), open_database(url) as database:
        remember(home, database)
        yield home


def remember(home: str, database: Database) -> None:
    ledger, feeds, kept = Ledger(database), FeedHistory(database), Tables(home, TRACED)
    for day in range(3):
        ledger.start_run(f"run-{day}-of-it", shop=SHOP, job="daily_sync_job", started_at=START + timedelta(days=day))
    for day, found in enumerate([(LAMP, SMALL, LARGE, TWIN), (SMALL, LARGE, TWIN)]):
        tables = {
            "awin_feed": offers(*found),
            "awin_feed_rejects": rows(contracts.RejectedRow, BROKEN, UNSOLD),
            "matched_products": rows(
                contracts.MatchedProduct,
                *(matched(row, row["sku"], "prod_lamp" if row is LAMP else "prod_coat") for row in found[:-1]),
            ),
            "medusa_only_products": rows(
                contracts.MedusaOnlyProduct,
                *([{"product_id": "prod_lamp", "handle": "handle-prod_lamp", "feeds_missed": 1}] if day else []),
            ),
        }
        for asset, table in tables.items():
            kept.keep(asset, f"run-{day}-of-it", table, now=START + timedelta(days=day))
    shown = [variant("LAMP-1", "prod_lamp", sku="LAMP-1", external_id="awin:1:LAMP-1"), variant("own", sku="OWN")]
    kept.write("medusa_catalog", "run-1-of-it", catalog(*shown))
    set_level(ledger, "run-0-of-it")
    hide = Operation("prod_lamp", {"status": "draft"}, {"status": "published"})
    held = NotSent(hide, "too many [too_many_to_hide]", Status.HELD)
    ledger.record_not_sent("run-1-of-it", Kind.HIDE, [held])
    feeds.record("feed.csv", "run-2-of-it", FeedState.REFUSED, reason="truncated")


def set_level(ledger: Ledger, run_id: str) -> None:
    level = Operation("variant_LAMP-1", {"level": 10}, {"level": 3}, "item_1")
    (id_,) = ledger.record_intents(run_id, Kind.STOCK, [level])
    ledger.record_outcomes([Outcome(id_, Status.APPLIED)])


@pytest.mark.parametrize("key", ["LAMP-1", "awin:1:LAMP-1", "4711", "4006381333931", "handle-prod_lamp", "prod_lamp"])
def test_every_name_leads_to_the_story(home: str, key: str) -> None:
    result = run("why", key)
    assert result.exit_code == (key == "LAMP-1"), result.output
    if key == "LAMP-1":
        assert "2 products are known as LAMP-1" in result.stderr
        assert "awin-medusa why awin:2:LAMP-1" in result.stderr
        return
    for told in (
        "2026-11-20 02:00 UTC",
        "9.99 GBP, in stock; LAMP-1, line 2 of feed.csv",
        "awin:1:LAMP-1 is variant variant_LAMP-1, by SKU",
        "applied level 3 → 10",
        "not in the feed",
        "only in the shop, accepted feeds in a row without it: 1",
        "held status published → draft: too many [too_many_to_hide]",
        "refused: truncated",
        "not known: Reading the",
    ):
        assert told in " ".join(result.output.split()), told


@pytest.mark.parametrize(
    ("key", "offer_keys"),
    [
        ("COAT-S", ["awin:1:COAT-S"]),
        ("awin:1:COAT", ["awin:1:COAT-L", "awin:1:COAT-S"]),
        ("prod_coat", ["awin:1:COAT-L", "awin:1:COAT-S"]),
        ("OWN", []),
        ("10", ["awin:1:10"]),
        ("CHAIR-7", ["CHAIR-7"]),
        ("variant_own", []),
        ("2-LAMP-1", ["awin:2:LAMP-1"]),
        ("prod_coa", ["awin:1:COAT-L", "awin:1:COAT-S"]),
        ("awin:1:COAT-S", ["awin:1:COAT-S"]),
        ("awin:2:LA", ["awin:2:LAMP-1"]),
    ],
)
def test_a_variant_alone_or_the_whole_product(home: str, tmp_path: Path, key: str, offer_keys: list[str]) -> None:
    with open_database(f"sqlite:///{tmp_path}/state.db") as database:
        ledger = Ledger(database)
        (product,) = why.find(Tables(home, TRACED), ledger, ledger.recent_runs(SHOP, 5), key)
    assert product.every("offer_key") == offer_keys


@pytest.mark.parametrize(("key", "told"), [("CHAIR-7", "A quote [malformed_quote]"), ("10", "No price [no_price]")])
def test_a_rejected_row_is_in_the_story(home: str, key: str, told: str) -> None:
    result = run("why", key)
    assert result.exit_code == 0
    assert f"rejected, line {9 if key == 'CHAIR-7' else 10} of feed.csv: {told}" in result.output


def test_a_key_that_nobody_knows(home: str) -> None:
    result = run("why", "nonsense")
    assert result.exit_code == 1
    assert "Looking for nonsense: in the last 3 runs and in the log it is no external id, SKU, handle" in result.output
    assert "--runs 30 looks further back" in result.output


def test_only_as_many_runs_as_asked_for(home: str, tmp_path: Path) -> None:
    with open_database(f"sqlite:///{tmp_path}/state.db") as database:
        ledger = Ledger(database)
        with pytest.raises(PermanentError, match="in the last 1 runs"):
            why.find(Tables(home, TRACED), ledger, ledger.recent_runs(SHOP, 1), "4711")
    assert "2026-11-20" in run("why", "prod_lamp", "--runs", "1").output, "what was done to it is told all the same"


def test_a_run_that_did_nothing_to_it(home: str, tmp_path: Path) -> None:
    with open_database(f"sqlite:///{tmp_path}/state.db") as database:
        Ledger(database).start_run("other", shop=SHOP, job="undo_run_job", started_at=START + timedelta(days=3))
    told = run("why", "prod_lamp").output
    assert "did nothing to it" in told.partition("undo_run_job other")[2].partition("Now")[0]


def test_a_long_story_is_cut_at_its_beginning(home: str, tmp_path: Path) -> None:
    with open_database(f"sqlite:///{tmp_path}/state.db") as database:
        ledger = Ledger(database)
        for day in range(why.MOST_OTHERS + 4):
            ledger.start_run(f"old-{day}", shop=SHOP, job="daily_sync_job", started_at=START - timedelta(days=day + 1))
            set_level(ledger, f"old-{day}")
    output = run("why", "prod_lamp", "--runs", "3").output
    assert "4 earlier runs did something to it" in output
    assert output.count("daily_sync_job") == why.MOST_OTHERS + 3
