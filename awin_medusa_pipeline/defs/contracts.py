"""Checks that every row of a table keeps its contract: as a check of its asset, or where an op writes the table."""

from typing import Any

import dagster as dg
import dataframely as dy
import polars as pl

from awin_medusa_pipeline.defs.steps import asset_check
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


def contract_check(asset: str, contract: type[dy.Schema]) -> dg.AssetChecksDefinition:
    """Make the check that every row of a table keeps its contract."""

    @asset_check(
        asset=asset,
        name=NAME,
        blocking=True,
        description=f"Every row keeps the contract {contract.__name__}.",
    )
    def check(table: pl.LazyFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(**_outcome(contract, table))

    return check


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
