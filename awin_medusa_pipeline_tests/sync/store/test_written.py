"""What was written last, on both databases: each value in the place of the one before, each shop by itself."""

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.domain.operations import Kind, Operation, Status, Written
from awin_medusa_pipeline.sync.store.ledger import Ledger, Outcome
from awin_medusa_pipeline.sync.store.written import WrittenValues

SHOP = "http://shop.test"


def outcome(ledger: Ledger, run_id: str, *written: Written) -> None:
    (id_,) = ledger.record_intents(run_id, Kind.CONTENT, [Operation("prod_1:title", {})])
    ledger.record_outcomes([Outcome(id_, Status.APPLIED)], run_id=run_id, written=written)


def test_the_last_value_counts(database: Database) -> None:
    ledger, kept = Ledger(database), WrittenValues(database)
    for run_id, shop in (("run-1", SHOP), ("run-2", SHOP), ("run-3", "http://other.test")):
        ledger.start_run(run_id, shop=shop, job="daily_sync_job")
    outcome(ledger, "run-1", Written("prod_1", "title", "Läm\x00p"), Written("prod_1", "images", "1", "2"))
    outcome(ledger, "run-2", Written("prod_1", "title", "Old"), Written("prod_1", "title", "Chair"))
    outcome(ledger, "run-3", Written("prod_1", "title", "Elsewhere"))
    outcome(ledger, "run-3")
    assert kept.of(SHOP).sort("field").collect().rows() == [
        ("prod_1", "images", "1", "2"),
        ("prod_1", "title", "Chair", None),
    ]
    outcome(ledger, "run-2", Written("prod_1", "images", "3"))
    assert kept.of(SHOP).sort("field").collect().rows()[0] == ("prod_1", "images", "3", None)
    assert kept.of("http://other.test").collect()["value"].to_list() == ["Elsewhere"]


def test_it_outlives_the_operation_log(database: Database) -> None:
    ledger = Ledger(database)
    run = ledger.start_run("run-1", shop=SHOP, job="daily_sync_job")
    outcome(ledger, "run-1", Written("variant_1", "price", "9.5 gbp"))
    assert ledger.prune(run.started_at.replace(year=run.started_at.year + 2)) == 1
    assert WrittenValues(database).of(SHOP).collect()["value"].to_list() == ["9.5 gbp"]
