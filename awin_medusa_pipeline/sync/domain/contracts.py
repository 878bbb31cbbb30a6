"""Defines the tables of a sync: the feed, its matches with the shop, and the differences.

A product is identified by its `product_key` (Medusa's external_id), a variant by its `offer_key`:
`awin:{merchant_id}:{merchant_product_id}`.
"""

from collections.abc import Mapping

import dataframely as dy

from awin_medusa_pipeline.core.contracts import Table, money, text


def _edited() -> dy.Bool:
    return dy.Bool(metadata={"doc": "The shop's value is not the one that this program wrote last"})


def _owner() -> dy.String:
    return text("Who owns the field: feed, shop, first-write or ask", regex="^(feed|shop|first-write|ask)$")


def _decision() -> dy.String:
    return text(
        "update: takes the feed's value; keep: the shop's stays; ask: a person decides; refuse: cannot be written",
        regex="^(update|keep|ask|refuse)$",
    )


class Offer(Table):
    """One row of the feed that can be sold."""

    offer_key = text("awin:{merchant_id}:{merchant_product_id}", primary_key=True, regex=r"^awin:[^:]+:.+$")
    product_key = text(
        "The key of its parent when the feed has one, else the offer_key: offers that share it are variants of one "
        "product"
    )
    feed = text("Feed that it came from, without the AWIN key")
    line = dy.Int64(min=1, metadata={"doc": "Line in that feed; a CSV header is line 1"})
    merchant_id = text("AWIN advertiser", min_length=1)
    merchant_name = text("Advertiser's name", nullable=True)
    merchant_product_id = text("The advertiser's own id; stable", min_length=1)
    parent_product_id = text("The advertiser's id for the group of variants", nullable=True)
    aw_product_id = text("AWIN's id; changes for the same product, so an attribute", nullable=True)
    sku = text("SKU that an imported variant gets", min_length=1)
    gtin = text("EAN, UPC or ISBN with a valid check digit", nullable=True, regex=r"^\d{8,14}$")
    mpn = text("Manufacturer's part number", nullable=True)
    name = text("Product name, entities decoded", min_length=1)
    description = text("Plain text", nullable=True)
    brand = text("Brand", nullable=True)
    category = text("Category path, parts joined by ' > '", nullable=True)
    colour = text("Variant option", nullable=True)
    size = text("Variant option", nullable=True)
    price = money(min_exclusive=0, metadata={"doc": "Selling price, major units"})
    currency = text("ISO 4217, lower case", regex=r"^[a-z]{3}$")
    in_stock = dy.Bool(nullable=True, metadata={"doc": "Blank in the feed stays unknown"})
    quantity = dy.Int64(nullable=True, min=0, metadata={"doc": "The feed's own quantity"})
    unread_stock = text("Its stock cell, where that is filled and was not understood", nullable=True)
    image_url = text("Main image", nullable=True)
    more_image_urls = dy.List(dy.String(), metadata={"doc": "Further images, in the feed's order"})
    deep_link = text("AWIN tracking link", nullable=True)
    merchant_link = text("Advertiser's own product page", nullable=True)


class RejectedRow(Table):
    """One row of the feed that cannot be sold, with the reason."""

    feed = text("Feed that it came from, without the AWIN key")
    line = dy.Int64(metadata={"doc": "Line in that feed; the header is line 1"})
    reason = text("Reason code; docs/troubleshooting.md lists them")
    detail = text("The reason in a sentence")
    raw = text("The row as it came, cut at 2,000 characters")
    offer_key = text("Key of the offer, where it can be read", nullable=True)


class MatchedProduct(Table):
    """One offer and its variant in the shop."""

    offer_key = text("The offer", primary_key=True)
    variant_id = text("The variant", unique=True)
    match_reason = text("external_id, sku, gtin or handle", regex="^(external_id|sku|gtin|handle)$")
    product_id = text("Medusa product")
    handle = text("Medusa handle")
    title = text("Product title in the shop")
    status = text("Status in the shop")
    hidden_by_run = text("Run of this program that hid the product", nullable=True)
    ignored = dy.Bool(metadata={"doc": "A person keeps this program off the product"})
    ours = dy.Bool(metadata={"doc": "Carries the offer's key and is not ignored: the only ones that are written to"})
    merchant_id = text("AWIN advertiser")
    sku = text("Variant SKU", nullable=True)
    name = text("Product name in the feed")
    inventory_item_id = text("Medusa id", nullable=True)
    level = dy.Int64(nullable=True, metadata={"doc": "Level in the shop"})
    reserved = dy.Int64(nullable=True, metadata={"doc": "Reserved in the shop"})
    wanted_level = dy.Int64(nullable=True, min=0, metadata={"doc": "Level that the feed asks for; null: unknown"})
    manage_inventory = dy.Bool(nullable=True)
    price = money(metadata={"doc": "Price in the feed"})
    currency = text("Currency of the feed")
    shop_price = money(nullable=True, metadata={"doc": "Price in the shop in that currency"})
    shop_currencies = text("Currencies that the shop has a price in, joined by ' '")


class AdoptionCandidate(Table):
    """A variant of the shop that agrees with an offer and does not carry its key: both sides, and what they say."""

    variant_id = text("Medusa id", primary_key=True)
    product_id = text("Medusa product")
    offer_key = text("The offer, and the key that the variant would get")
    merchant_id = text("AWIN advertiser")
    match_reason = text("sku, gtin or handle", regex="^(sku|gtin|handle)$")
    agrees = text("Signs that agree, joined by ', ': SKU, GTIN, name")
    contradicts = text("Signs that speak against it, joined by ', ': GTIN, name, brand, price")
    decision = text("update: adopted by itself; ask: a person decides", regex="^(update|ask)$")
    name = text("Name in the feed")
    title = text("Product title in the shop")
    variant_title = text("Variant title in the shop", nullable=True)
    likeness = dy.Float64(min=0, max=100, metadata={"doc": "Likeness of the names, 100 being equal words"})
    sku = text("SKU that the feed asks for")
    shop_sku = text("SKU in the shop", nullable=True)
    gtin = text("GTIN in the feed", nullable=True)
    barcode = text("Barcode in the shop", nullable=True)
    brand = text("Brand in the feed", nullable=True)
    shop_brand = text("Brand in the shop", nullable=True)
    price = money(metadata={"doc": "Price in the feed"})
    currency = text("Currency of the feed")
    shop_price = money(nullable=True, metadata={"doc": "Price in the shop in that currency"})
    shop_key = text("Key that the variant carries: one of another merchant of old", nullable=True)
    external_id = text("external_id of the product", nullable=True)
    new_external_id = text("external_id that the product would get", nullable=True)


class MissingProduct(Offer):
    """An offer that the shop does not have."""

    wanted_level = dy.Int64(min=0, metadata={"doc": "Level to import with"})
    title = text("Product title: the common part of its variants' names", min_length=1)
    handle = text(
        "Handle of the product to create, unique in the shop; or of the product to replace or to add the variant to"
    )
    barcode = text("GTIN, unless another variant has it: Medusa refuses a second one", nullable=True)
    existing_product_id = text("Medusa product that lacks only this variant", nullable=True)
    half_made_product_id = text("Product that an interrupted import left, to be replaced", nullable=True)
    loose_match = dy.Bool(metadata={"doc": "Held back: looks like a product of the shop, see loose_matches"})
    waits = text(
        "Why nothing is added to its existing product: adoption (not adopted yet) or ignored; null: nothing keeps it",
        nullable=True,
        regex="^(adoption|ignored)$",
    )


class MedusaOnlyProduct(Table):
    """A published product of the shop without a variant in the feed, or one to be hidden for another reason."""

    product_id = text("Medusa id", primary_key=True)
    handle = text("Medusa handle")
    title = text("Product title")
    status = text("Status in the shop")
    external_id = text("product_key of the offer it was made from", nullable=True)
    skus = text("SKUs of its variants, joined by ' | '", nullable=True)
    ours = dy.Bool(metadata={"doc": "Imported or adopted by this program; False: no feed ever held it"})
    ignored = dy.Bool(metadata={"doc": "A person keeps this program off the product"})
    loose_match = dy.Bool(metadata={"doc": "Held back: looks like an offer of the feed, see loose_matches"})
    feeds_missed = dy.Int64(
        nullable=True, min=0, metadata={"doc": "Accepted feeds in a row that lacked it, up to GUARD_HIDE_AFTER_FEEDS"}
    )
    reason = text(
        "Why it would be hidden: not_in_feed, or sold_out (SYNC_UNCOUNTED_SOLD_OUT=hide)",
        regex="^(not_in_feed|sold_out)$",
    )


class ReturningProduct(Table):
    """A product that this program hid and that is in the feed again."""

    product_id = text("Medusa id", primary_key=True)
    handle = text("Medusa handle")
    title = text("Product title in the shop")
    hidden_by_run = text("Run that hid it")
    offer_keys = text("Its offers, joined by ' | '")


class StockMismatch(Table):
    """A variant whose level differs from what the feed asks for."""

    variant_id = text("Medusa id", primary_key=True)
    product_id = text("Medusa product")
    title = text("Product title in the shop")
    offer_key = text("The offer, even when it has left the feed", nullable=True)
    sku = text("Variant SKU", nullable=True)
    inventory_item_id = text("Medusa id; null when read with a publishable key", nullable=True)
    level = dy.Int64(nullable=True, metadata={"doc": "Level in the shop; null: none at the location"})
    reserved = dy.Int64(nullable=True, metadata={"doc": "Reserved by open orders"})
    wanted_level = dy.Int64(min=0, metadata={"doc": "Level that the feed asks for"})
    elsewhere = dy.Int64(nullable=True, metadata={"doc": "What can be sold from other locations; null: nothing"})
    elsewhere_at = text("Names of these locations, joined by ' | '", nullable=True)
    reason = text(
        "Set: differs, no_level, no_item (made anew) or left_feed. Told and left: uncounted, backorder, elsewhere or "
        "shared_item",
        regex="^(differs|no_level|no_item|left_feed|uncounted|backorder|elsewhere|shared_item)$",
    )


class PriceMismatch(Table):
    """A variant whose price differs from the feed's."""

    variant_id = text("Medusa id", primary_key=True)
    product_id = text("Medusa product")
    title = text("Product title in the shop")
    offer_key = text("The offer")
    merchant_id = text("AWIN advertiser")
    sku = text("Variant SKU", nullable=True)
    currency = text("Currency of the feed")
    price = money(metadata={"doc": "Price in the feed"})
    shop_price = money(nullable=True, metadata={"doc": "Price in the shop; null: none in that currency"})
    change_percent = dy.Float64(nullable=True, metadata={"doc": "Feed against shop"})
    earlier_price = money(nullable=True, metadata={"doc": "Price that the steps of the last 30 days began at"})
    earlier_on = dy.Date(nullable=True, metadata={"doc": "Day of the first of them, UTC"})
    moved_percent = dy.Float64(nullable=True, metadata={"doc": "Feed against earlier_price"})
    shop_currencies = text("Currencies that the shop has a price in, joined by ' '")
    last_price = money(nullable=True, metadata={"doc": "Price that this program wrote last; null: none"})
    edited_by_hand = _edited()
    owner = _owner()
    decision = _decision()
    question = text("Why a person is asked: asked, first_price, price_jump or price_creep", nullable=True)


class ContentMismatch(Table):
    """One field of a product that differs from the feed's value."""

    key = text("{product_id}:{field}", primary_key=True)
    product_id = text("Medusa product")
    handle = text("Medusa handle")
    title = text("Product title in the shop")
    offer_key = text("The offer that the value comes from: the product's first in the feed")
    merchant_id = text("AWIN advertiser")
    field = text("title, description, images or category", regex="^(title|description|images|category)$")
    value = text("The feed's value; for images the thumbnail, then one image per line; for a category its handle")
    shop_value = text("The shop's value, in the same form; null: none", nullable=True)
    category = text("Category path in the feed, on rows of the field category", nullable=True)
    last_value = text("Value that this program wrote last, a long one as its SHA-256; null: none", nullable=True)
    edited_by_hand = _edited()
    owner = _owner()
    decision = _decision()


class WrittenValue(Table):
    """The value that this program wrote last into a field."""

    key = text("Medusa id of product or variant; for an imported product its product_key", primary_key=True)
    field = text("price, title, description, images or category", primary_key=True)
    value = text("Written value, a long one as its SHA-256")
    source = text("The feed's value, where another was written", nullable=True)


class PriceStep(Table):
    """One change of a price that this program applied."""

    id = dy.Int64(primary_key=True, metadata={"doc": "Place in the operation log"})
    variant_id = text("Medusa id")
    currency = text("Its currency")
    on = dy.Date(metadata={"doc": "Day, UTC"})
    before = money(nullable=True, metadata={"doc": "Price in the shop before; null: none"})
    after = money(nullable=True, metadata={"doc": "Price that was set; null: none"})
    approved = dy.Bool(metadata={"doc": "Whether a person approved it, as a row of a held plan"})


class LooseMatch(Table):
    """An offer and a product of the shop that look alike; a person decides."""

    offer_key = text("The offer", primary_key=True)
    product_id = text("Medusa product", primary_key=True)
    score = dy.Float64(min=0, max=100, metadata={"doc": "Likeness of the names, 100 being equal words"})
    name = text("Product name in the feed")
    title = text("Product title in the shop")
    price = money(metadata={"doc": "Price in the feed"})
    currency = text("Currency of the feed")


TABLES: Mapping[str, type[dy.Schema]] = {
    "awin_feed": Offer,
    "awin_feed_rejects": RejectedRow,
    "matched_products": MatchedProduct,
    "adoption_candidates": AdoptionCandidate,
    "missing_awin_products": MissingProduct,
    "medusa_only_products": MedusaOnlyProduct,
    "returning_products": ReturningProduct,
    "stock_mismatches": StockMismatch,
    "price_mismatches": PriceMismatch,
    "content_mismatches": ContentMismatch,
    "loose_matches": LooseMatch,
}
"""Contract of each table, by the asset that holds it."""
