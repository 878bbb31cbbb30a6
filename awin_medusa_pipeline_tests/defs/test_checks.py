"""A table that breaks its contract, and what then does not happen."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.defs.contracts import CONTRACTS, contract_check
from awin_medusa_pipeline.defs.failures import failure_of
from awin_medusa_pipeline.defs.io_managers import ParquetIOManager
from awin_medusa_pipeline.defs.resources import sync_run
from awin_medusa_pipeline.defs.shown import Links
from awin_medusa_pipeline.defs.sync import applied
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain.contracts import MissingProduct


def broken(asset: str) -> pl.LazyFrame:
    """One row of nothing."""
    types = dtypes(CONTRACTS[asset])
    return pl.LazyFrame({name: [None] for name in types}, schema=types)


@pytest.mark.parametrize("asset", CONTRACTS)
def test_a_contract_is_checked(asset: str) -> None:
    check = contract_check(asset, CONTRACTS[asset])
    result = check(broken(asset))
    assert isinstance(result, dg.AssetCheckResult)
    assert not result.passed
    rules = result.metadata["broken_rules"].value
    assert isinstance(rules, dict)
    assert any("nullability" in rule for rule in rules), rules
    assert "Rows that break a rule" in str(result.description)
    kept = check(broken(asset).clear())
    assert isinstance(kept, dg.AssetCheckResult)
    assert kept.passed


def test_a_broken_table_stops_what_would_be_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(tmp_path))

    @dg.asset
    def missing_awin_products() -> dg.MaterializeResult[pl.LazyFrame]:
        return dg.MaterializeResult(value=broken("missing_awin_products"))

    with App(Settings()) as app, dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [
                missing_awin_products,
                dg.AssetSpec("medusa_catalog"),
                contract_check("missing_awin_products", MissingProduct),
                applied.imported_products,
            ],
            resources={
                "io_manager": ParquetIOManager(app.tables, Links.of(app)),
                "app": app,
                "sync_run": sync_run,
            },
            instance=instance,
            raise_on_error=False,
        )
        assert not result.success
        started = {event.step_key for event in result.all_events if event.is_step_start}
        assert started == {"missing_awin_products", "missing_awin_products_contract"}
        failure = failure_of(instance, result.run_id)
    assert failure.step == "missing_awin_products_contract"
    assert "Rows that break a rule" in failure.error
