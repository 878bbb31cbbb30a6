"""Reads products for the pages: the catalogue with the state of each on Etsy, and one product field by field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.console.reads.discrepancies import PAGE, Rows
from awin_medusa_pipeline.etsy.domain.plan import LISTING_FEE
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.links import EtsyLink
from awin_medusa_pipeline.sync.domain.operations import Kind, money_text
from awin_medusa_pipeline.sync.domain.rules import CONTENT, PRICE, Owner, Owners
from awin_medusa_pipeline.sync.store.decisions import kept_as_they_are

CATALOG = "medusa_catalog"
NOT_ON_ETSY = "none"
ETSY = {
    "none": ("not on Etsy", ""),
    "pending": ("pending", "wait"),
    "synced": ("synced", "good"),
    "failed": ("failed", "bad"),
    "out_of_sync": ("out of sync", "wait"),
}
"""State on Etsy -> words and tone of its badge."""


@dataclass(frozen=True)
class Filters:
    """What a list of products is narrowed to; blank: everything."""

    search: str = ""
    status: str = ""
    etsy: str = ""

    @property
    def query(self) -> dict[str, str]:
        """As in the address, without the blank ones."""
        return {name: value for name, value in vars(self).items() if value}


def accounts(app: App) -> list[EtsyAccount]:
    """The connected Etsy shops."""
    return app.etsy.accounts.active()


def _products(app: App, account: EtsyAccount | None, filters: Filters) -> pl.LazyFrame | None:
    """The catalogue by product, with the state on Etsy, narrowed; None before the shop was read."""
    if not app.tables.exists(CATALOG):
        return None
    of_product = pl.col("title", "handle", "status", "images", "hidden_by_run").first()
    products = (
        app.tables.read(CATALOG)
        .group_by("product_id", maintain_order=True)
        .agg(of_product, skus=pl.col("sku").drop_nulls().str.join(" | "), variants=pl.col("variant_id").count())
        .with_columns(image=pl.col("images").list.first().fill_null(""))
        .drop("images")
    )
    links = app.etsy.links.of_account(account.id) if account else []
    known = pl.LazyFrame(
        [(link.product_id, str(link.sync_status), link.etsy_listing_id, link.etsy_url) for link in links],
        schema={"product_id": pl.String, "etsy": pl.String, "listing_id": pl.Int64, "url": pl.String},
        orient="row",
    )
    products = products.join(known, on="product_id", how="left", maintain_order="left").with_columns(
        pl.col("etsy").fill_null(NOT_ON_ETSY)
    )
    if words := filters.search.strip().lower():
        texts = [pl.col(name).str.to_lowercase().str.contains(words, literal=True) for name in SOUGHT]
        products = products.filter(pl.any_horizontal(texts))
    for column, wanted in (("status", filters.status), ("etsy", filters.etsy)):
        if wanted:
            products = products.filter(pl.col(column) == wanted)
    return products


SOUGHT = ("title", "handle", "skus", "product_id")


def listed(app: App, account: EtsyAccount | None, filters: Filters, *, sort: str, descending: bool, page: int) -> Rows:
    """One page of products."""
    products = _products(app, account, filters)
    if products is None:
        return Rows((), 0, 1)
    if sort in ("title", "status", "etsy", "variants"):
        products = products.sort(sort, descending=descending, maintain_order=True)
    found = products.collect()
    page = min(max(page, 1), max(1, -(-found.height // PAGE)))
    return Rows(found.slice((page - 1) * PAGE, PAGE).to_dicts(), found.height, page)


def ids(app: App, account: EtsyAccount | None, filters: Filters) -> list[str]:
    """Ids of all products that match."""
    products = _products(app, account, filters)
    return [] if products is None else products.select("product_id").collect().to_series().to_list()


def most_fees(account: EtsyAccount, new: int) -> Decimal:
    """The most that Etsy may charge for `new` products without a listing, in USD."""
    return LISTING_FEE * new if account.api_config.publish else Decimal(0)


@dataclass(frozen=True)
class Field:
    """One field of a product on both sides."""

    name: str
    variant: str
    feed: str
    shop: str
    wanted: str
    owner: str
    kind: Kind | None = None
    key: str = ""
    kept_by: str = ""
    """Who decided that the shop's value stays."""
    can_be_kept: bool = False


@dataclass(frozen=True)
class ProductView:
    """One product of the shop with its feed rows, differences and listings."""

    id: str
    title: str
    handle: str
    status: str
    external_id: str
    images: Sequence[str]
    ignored: bool
    variants: Sequence[Mapping[str, Any]]
    fields: Sequence[Field]
    links: Sequence[tuple[EtsyAccount, EtsyLink]]

    @property
    def pieces_went(self) -> int:
        """Pieces that went on Etsy and that Medusa does not know of."""
        return sum(max(0, stock.gone) for _, link in self.links for stock in link.memory.stock.values())


def product(app: App, product_id: str) -> ProductView | None:
    """One product as the last run read it; None when it is not in the catalogue."""
    if not app.tables.exists(CATALOG):
        return None
    variants = app.tables.read(CATALOG).filter(product_id=product_id).collect().to_dicts()
    if not variants:
        return None
    first = variants[0]
    links = [
        (account, link)
        for account in app.etsy.accounts.all()
        if (link := app.etsy.links.of_products(account.id, [product_id]).get(product_id))
    ]
    return ProductView(
        id=product_id,
        title=first["title"],
        handle=first["handle"],
        status=first["status"],
        external_id=first["external_id"] or "",
        images=[image for image in first["images"] if image],
        ignored=first["ignored"],
        variants=[one for one in variants if one["variant_id"]],
        fields=_fields(app, product_id, variants),
        links=links,
    )


def _fields(app: App, product_id: str, variants: Sequence[Mapping[str, Any]]) -> list[Field]:
    """Price and level of each variant, then the texts of the product."""
    kept = {key: one.decided_by for key, one in kept_as_they_are(app.database, app.shop_address).items()}
    matched = {row["variant_id"]: row for row in _rows(app, "matched_products", product_id)}
    prices = {row["variant_id"]: row for row in _rows(app, "price_mismatches", product_id)}
    levels = {row["variant_id"]: row for row in _rows(app, "stock_mismatches", product_id)}
    texts = {row["field"]: row for row in _rows(app, "content_mismatches", product_id)}
    owners = app.sync_rules.owners
    fields: list[Field] = []
    for variant in variants:
        if (id_ := variant["variant_id"]) is None:
            continue
        name, row = variant["sku"] or variant["variant_title"] or id_, matched.get(id_)
        owner = _owner(owners, PRICE, row["merchant_id"]) if row else ""
        kept_by = kept.get((Kind.PRICE, id_), "")
        fields.append(_price(name, id_, variant, row, prices.get(id_), owner, kept_by))
        fields.append(_level(name, variant, row, levels.get(id_)))
    merchant = next((row["merchant_id"] for row in matched.values()), "")
    for field in CONTENT:
        row, key = texts.get(field), f"{product_id}:{field}"
        shop = _shop_text(field, variants[0])
        fields.append(
            Field(
                field,
                "",
                row["value"] if row else "the same" if matched else "not in the feed",
                shop,
                row["value"] if row and row["decision"] == "update" else "as it is",
                _owner(owners, field, merchant) if matched else "",
                Kind.CONTENT,
                key,
                kept.get((Kind.CONTENT, key), ""),
                can_be_kept=bool(matched),
            )
        )
    return fields


def _price(
    name: str,
    id_: str,
    variant: Mapping[str, Any],
    match: Mapping[str, Any] | None,
    row: Mapping[str, Any] | None,
    owner: str,
    kept_by: str,
) -> Field:
    shop = ", ".join(_money(price["amount"], price["currency"]) for price in variant["prices"]) or "none"
    feed = _money(match["price"], match["currency"]) if match else "not in the feed"
    wanted = feed if row and row["decision"] == "update" else "as it is"
    return Field(PRICE, name, feed, shop, wanted, owner, Kind.PRICE, id_, kept_by, can_be_kept=match is not None)


def _money(amount: Decimal, currency: str) -> str:
    return f"{money_text(amount)} {currency.upper()}"


def _level(
    name: str, variant: Mapping[str, Any], match: Mapping[str, Any] | None, row: Mapping[str, Any] | None
) -> Field:
    shop = (
        "not counted"
        if not variant["manage_inventory"]
        else str(variant["level"] if variant["level"] is not None else "none")
    )
    feed = (
        "not in the feed"
        if match is None
        else "unknown"
        if match["wanted_level"] is None
        else str(match["wanted_level"])
    )
    return Field("level", name, feed, shop, str(row["wanted_level"]) if row else "as it is", "feed" if match else "")


def _owner(owners: Owners, field: str, merchant: str) -> str:
    return str(owners[field].get(merchant, owners[field].get("*", Owner.FEED)))


def _shop_text(field: str, row: Mapping[str, Any]) -> str:
    if field == "images":
        return "\n".join(row["images"])
    if field == "category":
        return " | ".join(row["categories"] or ())
    return str(row[field] or "")


def _rows(app: App, table: str, product_id: str) -> list[dict[str, Any]]:
    if not app.tables.exists(table):
        return []
    return app.tables.read(table).filter(product_id=product_id).collect().to_dicts()
