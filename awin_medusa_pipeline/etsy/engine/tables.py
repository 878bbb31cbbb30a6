"""Makes the two tables of the Etsy part: what would change on Etsy, and which listings exist."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.etsy.domain.contracts import EtsyListing, EtsyPlanRow
from awin_medusa_pipeline.etsy.domain.plan import ListingAction, ListingPlan
from awin_medusa_pipeline.etsy.engine.products import product_reader
from awin_medusa_pipeline.etsy.engine.request import plan_products
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.medusa.client import MedusaClient

Row = dict[str, Any]


def make_plan_table(etsy: EtsyState, open_medusa: Callable[[], MedusaClient]) -> pl.DataFrame:
    """Compare every linked product of the connected shops with Medusa, those of open jobs too (EtsyPlanRow).

    Without a connected shop Medusa is not opened.
    """
    rows: list[Row] = []
    if accounts := etsy.accounts.active():
        with open_medusa() as medusa:
            read_products = product_reader(medusa, etsy.rules.stock_location)
            for account in accounts:
                links = {link.product_id: link for link in etsy.links.of_account(account.id)}
                products = read_products(list(links), account.currency) if links else {}
                jobs = {product_id: link.transaction_id for product_id, link in links.items()}
                rows += _plan_rows(account.shop_name, plan_products(etsy, account, links, products, links), jobs)
    return pl.DataFrame(rows, schema=dict(dtypes(EtsyPlanRow)), orient="row")


def make_listing_table(etsy: EtsyState) -> pl.DataFrame:
    """List every link, also of disconnected shops (EtsyListing)."""
    rows = [
        {
            "shop": account.shop_name,
            "product_id": link.product_id,
            "title": link.memory.written.get("title"),
            "status": str(link.sync_status),
            "listing_id": link.etsy_listing_id,
            "url": link.etsy_url,
            "state": link.memory.state,
            "last_synced_at": link.last_synced_at,
            "error": link.sync_error,
            "transaction_id": link.transaction_id,
        }
        for account in etsy.accounts.all()
        for link in etsy.links.of_account(account.id)
    ]
    return pl.DataFrame(rows, schema=dict(dtypes(EtsyListing)), orient="row")


def _plan_rows(shop: str, plans: Iterable[ListingPlan], jobs: Mapping[str, str | None]) -> Iterator[Row]:
    empty = dict.fromkeys(("field", "before", "after", "sentence"))
    for plan in plans:
        facts = {
            "shop": shop,
            "product_id": plan.product_id,
            "title": plan.title,
            "to_do": str(plan.proposal),
            "transaction_id": jobs[plan.product_id],
        }
        for change in plan.changes:
            values = {"field": change.field, "before": change.before, "after": change.after}
            yield facts | empty | {"kind": "change"} | values
        problems = plan.problems if plan.action is ListingAction.REFUSE else ()
        for kind, findings in (("problem", problems), ("note", plan.notes)):
            for found in findings:
                yield facts | empty | {"kind": kind, "field": found.field, "sentence": found.sentence}
        if not plan.changes and not problems and not plan.notes:
            yield facts | empty | {"kind": "none"}
