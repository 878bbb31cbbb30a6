"""One contract a table: from it come polars dtypes, blocking checks, Dagster column schemas and CSV columns.

What belongs here: the columns, their types and the rules that hold for every row. What does not: how rows are made.
Money is Decimal in major units beside a lower-case ISO 4217 currency, as Medusa stores it. A product is named by its
`product_key` (Medusa's external_id), a variant by its `offer_key`: `awin:{merchant_id}:{merchant_product_id}`.
"""

from collections.abc import Mapping
from typing import Any

import dataframely as dy
import polars as pl

MONEY = pl.Decimal(18, 4)


class _Table(dy.Schema):
    """Shared by the contracts below."""


def _money(**options: Any) -> dy.Decimal:
    return dy.Decimal(precision=18, scale=4, **options)


def _text(doc: str, **options: Any) -> dy.String:
    return dy.String(metadata={"doc": doc}, **options)


def _edited() -> dy.Bool:
    return dy.Bool(metadata={"doc": "The shop shows another value than the one that this program wrote last"})


def _owner() -> dy.String:
    return _text("Who owns the field: feed, shop, first-write or ask", regex="^(feed|shop|first-write|ask)$")


def _decision() -> dy.String:
    return _text(
        "update: brought in line; keep: the shop's stays; ask: a person decides; refuse: cannot be written",
        regex="^(update|keep|ask|refuse)$",
    )


class Offer(_Table):
    """One row of the feed that can be sold."""

    offer_key = _text("awin:{merchant_id}:{merchant_product_id}", primary_key=True, regex=r"^awin:[^:]+:.+$")
    product_key = _text(
        "The same for the parent when the feed has one: offers that share it are variants of one product"
    )
    feed = _text("Which feed it came from, without the key")
    line = dy.Int64(min=1, metadata={"doc": "Line in that feed; a CSV header is line 1"})
    merchant_id = _text("AWIN advertiser", min_length=1)
    merchant_name = _text("Advertiser's name", nullable=True)
    merchant_product_id = _text("The advertiser's own id; stable", min_length=1)
    parent_product_id = _text("The advertiser's id for the group of variants", nullable=True)
    aw_product_id = _text("AWIN's id; changes for the same product, so an attribute", nullable=True)
    sku = _text("SKU that an imported variant gets", min_length=1)
    gtin = _text("EAN, UPC or ISBN with a valid check digit", nullable=True, regex=r"^\d{8,14}$")
    mpn = _text("Manufacturer's part number", nullable=True)
    name = _text("Product name, entities decoded", min_length=1)
    description = _text("Plain text", nullable=True)
    brand = _text("Brand", nullable=True)
    category = _text("Category path, parts joined by ' > '", nullable=True)
    colour = _text("Variant option", nullable=True)
    size = _text("Variant option", nullable=True)
    price = _money(min_exclusive=0, metadata={"doc": "Selling price, major units"})
    currency = _text("ISO 4217, lower case", regex=r"^[a-z]{3}$")
    in_stock = dy.Bool(nullable=True, metadata={"doc": "Blank in the feed stays unknown"})
    quantity = dy.Int64(nullable=True, min=0, metadata={"doc": "The feed's own quantity"})
    image_url = _text("Main image", nullable=True)
    more_image_urls = dy.List(dy.String(), metadata={"doc": "Further images, in the feed's order"})
    deep_link = _text("AWIN tracking link", nullable=True)
    merchant_link = _text("Advertiser's own product page", nullable=True)


class RejectedRow(_Table):
    """One row of the feed that cannot be sold, with the reason."""

    feed = _text("Which feed it came from, without the key")
    line = dy.Int64(metadata={"doc": "Line in that feed, the header being 1"})
    reason = _text("Reason code; the README lists them")
    detail = _text("The reason in a sentence")
    raw = _text("The row as it came, cut at 2,000 characters")
    offer_key = _text("The offer that it would have been, where that can be read", nullable=True)


class CatalogVariant(_Table):
    """One variant of the shop; a product without variants has one row with a null variant."""

    product_id = _text("Medusa id")
    variant_id = _text("Medusa id", nullable=True)
    handle = _text("Medusa handle, unique")
    title = _text("Product title")
    status = _text("draft, proposed, published or rejected")
    external_id = _text("product_key of the offer it was made from", nullable=True)
    offer_key = _text("offer_key of this variant, from its metadata", nullable=True)
    hidden_by_run = _text("Run of this program that hid the product", nullable=True)
    sku = _text("Variant SKU", nullable=True)
    barcode = _text("Barcode, else EAN, else UPC", nullable=True)
    manage_inventory = dy.Bool(nullable=True, metadata={"doc": "False: sold without counting"})
    inventory_item_id = _text("Medusa id", nullable=True)
    level = dy.Int64(nullable=True, metadata={"doc": "Stocked quantity at the location; null: no level there"})
    reserved = dy.Int64(nullable=True, metadata={"doc": "Reserved by open orders at the location"})
    prices = dy.List(
        dy.Struct({"currency": dy.String(), "amount": _money()}),
        metadata={"doc": "Base prices, one a currency"},
    )
    description = _text("Product description", nullable=True)
    images = dy.List(dy.String(), metadata={"doc": "Thumbnail (empty: none), then the images in their order"})
    categories = dy.List(
        dy.String(), nullable=True, metadata={"doc": "Handles of the product's categories; null: not known"}
    )
    half_made = _text("What is missing after a crash: no_variants, no_price or no_inventory_item", nullable=True)
    metadata = _text("Product metadata as JSON", nullable=True)


class MatchedProduct(_Table):
    """One offer and the variant that it is, side by side."""

    offer_key = _text("The offer", primary_key=True)
    variant_id = _text("The variant", unique=True)
    match_reason = _text("external_id, sku, gtin or handle", regex="^(external_id|sku|gtin|handle)$")
    product_id = _text("Medusa product")
    handle = _text("Medusa handle")
    status = _text("Status in the shop")
    hidden_by_run = _text("Run of this program that hid the product", nullable=True)
    merchant_id = _text("AWIN advertiser")
    sku = _text("Variant SKU", nullable=True)
    name = _text("Product name in the feed")
    inventory_item_id = _text("Medusa id", nullable=True)
    level = dy.Int64(nullable=True, metadata={"doc": "Level in the shop"})
    reserved = dy.Int64(nullable=True, metadata={"doc": "Reserved in the shop"})
    wanted_level = dy.Int64(nullable=True, min=0, metadata={"doc": "Level that the feed asks for; null: unknown"})
    manage_inventory = dy.Bool(nullable=True)
    price = _money(metadata={"doc": "Price in the feed"})
    currency = _text("Currency of the feed")
    shop_price = _money(nullable=True, metadata={"doc": "Price in the shop in that currency"})
    shop_currencies = _text("Currencies that the shop has a price in, joined by ' '")


class MissingProduct(Offer):
    """An offer that the shop does not have."""

    wanted_level = dy.Int64(min=0, metadata={"doc": "Level to import with"})
    title = _text("Product title: what the names of its variants have in common", min_length=1)
    handle = _text(
        "Handle of the product to be made, unique in the shop; that of the product to be replaced or to get a variant"
    )
    barcode = _text("GTIN, when no other variant has it: Medusa refuses a second one", nullable=True)
    existing_product_id = _text("Medusa product that lacks only this variant", nullable=True)
    half_made_product_id = _text("Product that an interrupted import left; replaced", nullable=True)
    loose_match = dy.Bool(metadata={"doc": "Held back: looks like a product of the shop, see loose_matches"})


class MedusaOnlyProduct(_Table):
    """A published product of the shop of which no variant is in the feed."""

    product_id = _text("Medusa id", primary_key=True)
    handle = _text("Medusa handle")
    title = _text("Product title")
    status = _text("Status in the shop")
    external_id = _text("product_key of the offer it was made from", nullable=True)
    skus = _text("SKUs of its variants, joined by ' | '", nullable=True)
    loose_match = dy.Bool(metadata={"doc": "Held back: looks like an offer of the feed, see loose_matches"})
    feeds_missed = dy.Int64(
        nullable=True, min=0, metadata={"doc": "Accepted feeds in a row that lacked it, up to GUARD_HIDE_AFTER_FEEDS"}
    )


class ReturningProduct(_Table):
    """A product that this program hid and that is in the feed again."""

    product_id = _text("Medusa id", primary_key=True)
    handle = _text("Medusa handle")
    title = _text("Product title in the shop")
    hidden_by_run = _text("Run that hid it")
    offer_keys = _text("Its offers, joined by ' | '")


class StockMismatch(_Table):
    """A variant whose level is not the one that the feed asks for."""

    variant_id = _text("Medusa id", primary_key=True)
    product_id = _text("Medusa product")
    offer_key = _text("The offer, also when it has left the feed", nullable=True)
    sku = _text("Variant SKU", nullable=True)
    inventory_item_id = _text("Medusa id; null when read with a publishable key", nullable=True)
    level = dy.Int64(nullable=True, metadata={"doc": "Level in the shop; null: none at the location"})
    reserved = dy.Int64(nullable=True, metadata={"doc": "Reserved by open orders"})
    wanted_level = dy.Int64(min=0, metadata={"doc": "Level that the feed asks for"})
    reason = _text("differs, no_level or left_feed")


class PriceMismatch(_Table):
    """A variant whose price is not the feed's."""

    variant_id = _text("Medusa id", primary_key=True)
    product_id = _text("Medusa product")
    offer_key = _text("The offer")
    merchant_id = _text("AWIN advertiser")
    sku = _text("Variant SKU", nullable=True)
    currency = _text("Currency of the feed")
    price = _money(metadata={"doc": "Price in the feed"})
    shop_price = _money(nullable=True, metadata={"doc": "Price in the shop; null: none in that currency"})
    change_percent = dy.Float64(nullable=True, metadata={"doc": "Feed against shop"})
    shop_currencies = _text("Currencies that the shop has a price in, joined by ' '")
    last_price = _money(nullable=True, metadata={"doc": "Price that this program wrote last; null: none"})
    edited_by_hand = _edited()
    owner = _owner()
    decision = _decision()


class ContentMismatch(_Table):
    """One field of a product that is not what the feed makes of it."""

    key = _text("{product_id}:{field}", primary_key=True)
    product_id = _text("Medusa product")
    handle = _text("Medusa handle")
    offer_key = _text("The offer whose text it is: the first of the product in the feed")
    merchant_id = _text("AWIN advertiser")
    field = _text("title, description, images or category", regex="^(title|description|images|category)$")
    value = _text("What the feed makes of it; of images the thumbnail, then each in a line; of a category its handle")
    shop_value = _text("What the shop has, written alike; null: nothing", nullable=True)
    category = _text("Category path in the feed, on the rows of that field", nullable=True)
    last_value = _text("What this program wrote last, a long text as its SHA-256; null: nothing", nullable=True)
    edited_by_hand = _edited()
    owner = _owner()
    decision = _decision()


class WrittenValue(_Table):
    """What this program wrote last into a field."""

    key = _text("Medusa id of product or variant; of an imported product its product_key", primary_key=True)
    field = _text("price, title, description, images or category", primary_key=True)
    value = _text("What the shop was given; a long text as its SHA-256")
    source = _text("What the feed said, where that is not what was written", nullable=True)


class LooseMatch(_Table):
    """An offer and a product of the shop that look alike; a person decides."""

    offer_key = _text("The offer", primary_key=True)
    product_id = _text("Medusa product", primary_key=True)
    score = dy.Float64(min=0, max=100, metadata={"doc": "Likeness of the names, 100 being equal words"})
    name = _text("Product name in the feed")
    title = _text("Product title in the shop")
    price = _money(metadata={"doc": "Price in the feed"})
    currency = _text("Currency of the feed")


class EtsyPlanRow(_Table):
    """One thing that would change on Etsy, or that a person should know of a product there."""

    shop = _text("Etsy shop")
    product_id = _text("Medusa product")
    title = _text("Its title in Medusa")
    to_do = _text("create, update, deactivate, nothing or refuse; and publish, where Etsy charges a fee")
    kind = _text(
        "change: a field that differs; problem: why Etsy would refuse it; note: worth knowing; none: nothing to do",
        regex="^(change|problem|note|none)$",
    )
    field = _text("Field of the listing, of a variant with its options", nullable=True)
    before = _text("As Etsy was last given it, or shows it now; null: never given", nullable=True)
    after = _text("As it would be; null: it goes", nullable=True)
    sentence = _text("The problem or the note", nullable=True)
    transaction_id = _text("The open job that has the product", nullable=True)


class EtsyListing(_Table):
    """One product of the shop and its listing on Etsy."""

    shop = _text("Etsy shop", primary_key=True)
    product_id = _text("Medusa product", primary_key=True)
    title = _text("Its title on Etsy", nullable=True)
    status = _text(
        "pending: an open job has it; synced; failed; out_of_sync: it has changed since",
        regex="^(pending|synced|failed|out_of_sync)$",
    )
    listing_id = dy.Int64(nullable=True, metadata={"doc": "Null: there is none yet"})
    url = _text("Where it is on Etsy", nullable=True)
    state = _text("As Etsy last told it: draft, active, inactive, sold_out, expired, ...", nullable=True)
    last_synced_at = dy.Datetime(time_zone="UTC", nullable=True, metadata={"doc": "When it was last as it should be"})
    error = _text("Why it failed, and what to do", nullable=True)
    transaction_id = _text("The open job that has the product", nullable=True)


def dtypes(contract: type[dy.Schema]) -> Mapping[str, pl.DataType]:
    """Polars types of a contract, by column."""
    return {name: column.dtype for name, column in contract.columns().items()}
