"""Checks that every row of a table keeps its contract, once the table is stored."""

from typing import Any

import dagster as dg
import dataframely as dy
import polars as pl

from awin_medusa_pipeline.defs.io_managers import stored
from awin_medusa_pipeline.etsy.domain.contracts import EtsyListing, EtsyPlanRow
from awin_medusa_pipeline.medusa.contracts import CatalogVariant
from awin_medusa_pipeline.sync.domain import contracts

CONTRACTS: dict[str, type[dy.Schema]] = {
    **contracts.TABLES,
    "medusa_catalog": CatalogVariant,
    "etsy_listing_plan": EtsyPlanRow,
    "etsy_listings": EtsyListing,
}
NAME = "contract"


def contract_spec(asset: str) -> dg.AssetCheckSpec:
    """Announce the check of an asset's table; nothing is built on a table that fails it."""
    return dg.AssetCheckSpec(
        NAME, asset=asset, blocking=True, description=f"Every row keeps the contract {CONTRACTS[asset].__name__}."
    )


def contract_kept(asset: str) -> dg.AssetCheckResult:
    """Check the table that the running step has stored."""
    return dg.AssetCheckResult(asset_key=asset, check_name=NAME, **_outcome(CONTRACTS[asset], stored(asset)))


def evaluation(asset: str, table: pl.LazyFrame) -> dg.AssetCheckEvaluation:
    """Check a table that an op writes; the result is recorded as that of the asset's check."""
    return dg.AssetCheckEvaluation(dg.AssetKey(asset), NAME, blocking=True, **_outcome(CONTRACTS[asset], table))


def _outcome(contract: type[dy.Schema], table: pl.LazyFrame) -> dict[str, Any]:
    _, failures = contract.filter(table)
    broken = {rule: int(count) for rule, count in failures.counts().items()}
    return {
        "passed": not broken,
        "description": f"Rows that break a rule: {broken}" if broken else None,
        "metadata": {"broken_rules": broken},
    }
