"""A table that breaks its contract, and what then does not happen."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.defs.contracts import CONTRACTS
from awin_medusa_pipeline.defs.failures import failure_of
from awin_medusa_pipeline.defs.io_managers import ParquetIOManager
from awin_medusa_pipeline.defs.resources import sync_run
from awin_medusa_pipeline.defs.shown import Links
from awin_medusa_pipeline.defs.sync import applied
from awin_medusa_pipeline.defs.tables import table_asset
from awin_medusa_pipeline.settings import Settings


def broken(asset: str) -> pl.LazyFrame:
    """One row of nothing."""
    types = dtypes(CONTRACTS[asset])
    return pl.LazyFrame({name: [None] for name in types}, schema=types)


@contextmanager
def materialized(
    app: App, *assets: dg.AssetsDefinition | dg.AssetSpec
) -> Iterator[tuple[dg.DagsterInstance, dg.ExecuteInProcessResult]]:
    """Materialise these, with the tables of an app."""
    with dg.DagsterInstance.ephemeral() as instance:
        resources = {
            "io_manager": ParquetIOManager(app.tables, Links.of(app)),
            "app": app,
            "sync_run": sync_run,
        }
        yield instance, dg.materialize([*assets], resources=resources, instance=instance, raise_on_error=False)


def asset_of(name: str, table: pl.LazyFrame) -> dg.AssetsDefinition:
    """Make the asset of this name, with another table."""

    def body() -> dg.MaterializeResult[pl.LazyFrame]:
        return dg.MaterializeResult(value=table)

    body.__name__ = name
    return table_asset()(body)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(tmp_path))
    with App(Settings()) as app:
        yield app


@pytest.mark.parametrize("asset", CONTRACTS)
def test_a_contract_is_checked(app: App, asset: str) -> None:
    with materialized(app, asset_of(asset, broken(asset))) as (_, result):
        assert not result.success
        (found,) = result.get_asset_check_evaluations()
    assert (found.asset_key.to_user_string(), found.check_name, found.passed) == (asset, "contract", False)
    assert found.blocking
    rules = found.metadata["broken_rules"].value
    assert isinstance(rules, dict)
    assert any("nullability" in rule for rule in rules), rules
    assert "Rows that break a rule" in str(found.description)
    with materialized(app, asset_of(asset, broken(asset).clear())) as (_, result):
        assert result.success
        (kept,) = result.get_asset_check_evaluations()
    assert kept.passed


def test_a_broken_table_stops_what_would_be_applied(app: App) -> None:
    missing = asset_of("missing_awin_products", broken("missing_awin_products"))
    with materialized(app, missing, dg.AssetSpec("medusa_catalog"), applied.imported_products) as (instance, result):
        assert not result.success
        started = {event.step_key for event in result.all_events if event.is_step_start}
        assert started == {"missing_awin_products"}
        failure = failure_of(instance, result.run_id)
    assert failure.step == "missing_awin_products"
    assert "Rows that break a rule" in failure.error
