"""What the tables of the Etsy part may leave blank, what tells their rows apart, and the words that they take."""

import polars as pl
import pytest

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.etsy.domain.contracts import EtsyListing, EtsyPlanRow

PLAN_BLANKS = {"field", "before", "after", "sentence", "transaction_id"}
LISTING_BLANKS = {"title", "listing_id", "url", "state", "last_synced_at", "error", "transaction_id"}


@pytest.mark.parametrize(
    ("table", "blank", "key"),
    [(EtsyPlanRow, PLAN_BLANKS, []), (EtsyListing, LISTING_BLANKS, ["shop", "product_id"])],
)
def test_what_may_be_blank(table: type[EtsyPlanRow | EtsyListing], blank: set[str], key: list[str]) -> None:
    assert {name for name, kind in table.columns().items() if kind.nullable} == blank
    assert table.primary_key() == key


@pytest.mark.parametrize(
    ("kind", "fine"), [("change", True), ("problem", True), ("note", True), ("none", True), ("other", False)]
)
def test_kinds_of_a_plan_row(kind: str, fine: bool) -> None:
    row = {"shop": "s", "product_id": "p", "title": "t", "to_do": "create", "kind": kind}
    assert EtsyPlanRow.is_valid(pl.DataFrame([row], schema=dtypes(EtsyPlanRow))) is fine


@pytest.mark.parametrize(
    ("status", "fine"), [("pending", True), ("synced", True), ("failed", True), ("out_of_sync", True), ("new", False)]
)
def test_statuses_of_a_listing(status: str, fine: bool) -> None:
    row = {"shop": "s", "product_id": "p", "status": status}
    assert EtsyListing.is_valid(pl.DataFrame([row], schema=dtypes(EtsyListing))) is fine
