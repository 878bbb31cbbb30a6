"""Names the columns of which every run's are kept, for the story of a product."""

from collections.abc import Mapping, Sequence

# Measured: for a million offers, nine tenths of them in the shop, these columns take 35 MB and 0.7 s per run.
TRACED: Mapping[str, Sequence[str]] = {
    "awin_feed": (
        *("offer_key", "product_key", "sku", "aw_product_id", "gtin", "name"),
        *("price", "currency", "in_stock", "quantity", "feed", "line"),
    ),
    "awin_feed_rejects": ("feed", "line", "reason", "detail", "raw", "offer_key"),
    "matched_products": ("offer_key", "variant_id", "product_id", "handle", "sku", "match_reason", "wanted_level"),
    "medusa_only_products": (
        "product_id",
        "handle",
        "title",
        "external_id",
        "skus",
        "feeds_missed",
        "loose_match",
        "reason",
    ),
}
"""Columns per table that `awin-medusa why` needs, kept from every run for 30 days."""
