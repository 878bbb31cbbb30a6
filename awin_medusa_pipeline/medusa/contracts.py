"""Defines the shop as both systems read it: its catalogue as a table, and one product with plain values."""

import dataframely as dy

from awin_medusa_pipeline.core.contracts import Table, money, text


class CatalogVariant(Table):
    """One variant of the shop; a product without variants has one row with a null variant."""

    product_id = text("Medusa id")
    variant_id = text("Medusa id", nullable=True)
    handle = text("Medusa handle, unique")
    title = text("Product title")
    status = text("draft, proposed, published or rejected")
    external_id = text("product_key of the offer it was made from", nullable=True)
    offer_key = text("offer_key of this variant, from its metadata", nullable=True)
    hidden_by_run = text("Run of this program that hid the product", nullable=True)
    ignored = dy.Bool(metadata={"doc": "A person keeps this program off the product: metadata or tag"})
    variant_title = text("Variant title", nullable=True)
    sku = text("Variant SKU", nullable=True)
    barcode = text("Barcode, else EAN, else UPC", nullable=True)
    manage_inventory = dy.Bool(nullable=True, metadata={"doc": "False: sold without counting"})
    inventory_item_id = text("Medusa id", nullable=True)
    level = dy.Int64(nullable=True, metadata={"doc": "Stocked quantity at the location; null: no level there"})
    reserved = dy.Int64(nullable=True, metadata={"doc": "Reserved by open orders at the location"})
    elsewhere = dy.Int64(
        nullable=True, metadata={"doc": "What can be sold from other locations of the sales channel; null: nothing"}
    )
    elsewhere_at = text("Names of these locations, joined by ' | '", nullable=True)
    backorder = dy.Bool(nullable=True, metadata={"doc": "True: sold also when nothing is left"})
    prices = dy.List(
        dy.Struct({"currency": dy.String(), "amount": money()}),
        metadata={"doc": "Base prices, one per currency"},
    )
    description = text("Product description", nullable=True)
    images = dy.List(dy.String(), metadata={"doc": "Thumbnail (empty: none), then the images in their order"})
    categories = dy.List(
        dy.String(), nullable=True, metadata={"doc": "Handles of the product's categories; null: not known"}
    )
    half_made = text("What is missing: no_variants, no_price or no_inventory_item", nullable=True)
    repair = text(
        "What the import does about it, where the log shows that an import of ours was never finished: replace (nobody "
        "touched it: removed and made anew) or complete (what is missing is added)",
        nullable=True,
        regex="^(replace|complete)$",
    )
    brand = text("Brand in the product's metadata", nullable=True)
    metadata = text("Product metadata as JSON", nullable=True)
