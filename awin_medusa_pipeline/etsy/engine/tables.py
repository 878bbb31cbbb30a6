"""The state of the Etsy part as tables: what would change, and what is there.

What belongs here: rows of the two contracts (sync/domain/contracts.py). What does not: showing them
(defs/etsy/assets.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.etsy.domain.contracts import EtsyListing, EtsyPlanRow
from awin_medusa_pipeline.etsy.domain.plan import Action, ListingPlan
from awin_medusa_pipeline.etsy.engine.jobs import ProductReader
from awin_medusa_pipeline.etsy.engine.request import plan_products
from awin_medusa_pipeline.etsy.engine.state import EtsyState

Row = dict[str, Any]


def planned(etsy: EtsyState, read_products: ProductReader) -> pl.DataFrame:
    """EtsyPlanRow: every linked product of every connected shop, those of open jobs too, against Medusa as it is."""
    rows: list[Row] = []
    for account in etsy.accounts.all():
        if not account.is_active:
            continue
        links = {link.product_id: link for link in etsy.links.of_account(account.id)}
        products = read_products(list(links), account.currency) if links else {}
        jobs = {product_id: link.transaction_id for product_id, link in links.items()}
        rows += _plan_rows(account.shop_name, plan_products(account, links, products, links), jobs)
    return pl.DataFrame(rows, schema=dict(dtypes(EtsyPlanRow)), orient="row")


def listed(etsy: EtsyState) -> pl.DataFrame:
    """EtsyListing: every link, of shops that were disconnected too."""
    rows = [
        {
            "shop": account.shop_name,
            "product_id": link.product_id,
            "title": link.memory.shown.get("title"),
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
            "to_do": plan.asked,
            "transaction_id": jobs[plan.product_id],
        }
        for change in plan.changes:
            values = {"field": change.field, "before": change.before, "after": change.after}
            yield facts | empty | {"kind": "change"} | values
        problems = plan.problems if plan.action is Action.REFUSE else ()
        for kind, said in (("problem", problems), ("note", plan.notes)):
            for found in said:
                yield facts | empty | {"kind": kind, "field": found.field, "sentence": found.sentence}
        if not plan.changes and not problems and not plan.notes:
            yield facts | empty | {"kind": "none"}
