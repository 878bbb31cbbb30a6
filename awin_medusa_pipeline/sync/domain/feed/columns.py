"""Maps the columns of AWIN's legacy and Google's feeds to their meaning, and reports missing ones."""

import string
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

from awin_medusa_pipeline.sync.domain.feed.cells import blank_to_null
from awin_medusa_pipeline.sync.domain.feed.errors import Fault, FeedError

# Sibling columns in order of preference: an advertiser fills one of them, so the first that is not blank counts.
SOURCES: dict[str, tuple[str, ...]] = {
    "merchant_id": ("merchant_id", "advertiser_id"),
    "merchant_name": ("merchant_name", "advertiser_name"),
    "merchant_product_id": ("merchant_product_id", "id", "product_id"),
    "parent_product_id": ("parent_product_id", "item_group_id"),
    "aw_product_id": ("aw_product_id",),
    "mpn": ("mpn", "model_number", "product_model"),
    "name": ("product_name", "title"),
    "description": ("description", "product_short_description"),
    "brand": ("brand_name", "brand"),
    "category": (
        "merchant_category",
        "merchant_product_category_path",
        "category_name",
        "product_type",
        "google_product_category",
    ),
    "colour": ("colour", "color", "fashion:colour"),
    "size": ("fashion:size", "size"),
    "currency": ("currency",),
    "stock": ("in_stock", "stock_status", "availability", "size_stock_status"),
    "quantity": ("stock_quantity", "number_available", "size_stock_amount"),
    "for_sale": ("is_for_sale",),
    "valid_from": ("valid_from",),
    "valid_to": ("valid_to", "expiration_date"),
    "image": ("merchant_image_url", "large_image", "image_link"),
    "deep_link": ("aw_deep_link",),
    "merchant_link": ("merchant_deep_link", "link"),
}
GTINS = ("ean", "product_gtin", "gtin", "upc", "isbn")
MORE_IMAGES = (
    "large_image",
    "alternate_image",
    "alternate_image_two",
    "alternate_image_three",
    "alternate_image_four",
)
IMAGE_LIST = "additional_image_link"
LEGACY_PRICE, DISPLAY_PRICE = "search_price", "display_price"
GOOGLE_PRICE, SALE_PRICE, SALE_DATES = "price", "sale_price", "sale_price_effective_date"
SKU_FIELDS = ("merchant_id", "merchant_product_id", "parent_product_id", "mpn", "gtin")


@dataclass(frozen=True)
class FeedRules:
    """The shop owner's rules for reading a feed. Raises ValueError for an invalid SKU template."""

    sku_template: str = "{merchant_product_id}"
    price_columns: Mapping[str, str] = field(default_factory=lambda: {"*": LEGACY_PRICE})
    """Column with the selling price per merchant_id; `*` for all others."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """Aware time that decides whether a sale price with dates applies."""

    def __post_init__(self) -> None:
        names = [name for _, name, _, _ in string.Formatter().parse(self.sku_template) if name is not None]
        unknown = sorted({*names} - {*SKU_FIELDS})
        if unknown or "merchant_product_id" not in names:
            raise ValueError(
                f"SYNC_SKU_TEMPLATE is {self.sku_template!r}: it must hold {{merchant_product_id}} and may hold "
                f"{', '.join('{' + name + '}' for name in SKU_FIELDS if name != 'merchant_product_id')}."
            )

    def price_column(self, merchant_id: str) -> str:
        """Column with the selling price of this merchant."""
        return self.price_columns.get(merchant_id) or self.price_columns.get("*", LEGACY_PRICE)

    def sku(self) -> pl.Expr:
        """Expression for the SKU, from columns of the Offer contract; fields without a value are left out."""
        parts: list[pl.Expr] = []
        for text, name, _, _ in string.Formatter().parse(self.sku_template):
            parts += [pl.lit(text)] if text else []
            parts += [pl.col(name).fill_null("")] if name else []
        return pl.concat_str(parts)


def wanted_columns(columns: Collection[str], rules: FeedRules) -> list[str]:
    """The columns of this feed that the rules need, in the feed's order."""
    known = _known(rules)
    return [name for name in columns if name in known]


def wanted_keys(first: Collection[str], rules: FeedRules) -> list[str]:
    """The keys of JSON Lines that the rules need; `first`: keys of the first object, others may have more."""
    return sorted(_known(rules) - ({LEGACY_PRICE} - {*first}))


def _known(rules: FeedRules) -> set[str]:
    known = {name for names in SOURCES.values() for name in names}
    known |= {*GTINS, *MORE_IMAGES, IMAGE_LIST, DISPLAY_PRICE, GOOGLE_PRICE, SALE_PRICE, SALE_DATES, LEGACY_PRICE}
    return known | {name.lower() for name in rules.price_columns.values()}


def check_columns(columns: Sequence[str], rules: FeedRules, label: str) -> None:
    """Check that no column is missing that every row needs. Raises FeedError."""
    google = not {"id", "title", "advertiser_id"}.isdisjoint(columns)
    price = rules.price_columns.get("*", LEGACY_PRICE).lower()
    own_price = price != LEGACY_PRICE
    needed = {
        "advertiser_id" if google else "merchant_id": (*SOURCES["merchant_id"], *SOURCES["deep_link"]),
        "id" if google else "merchant_product_id": SOURCES["merchant_product_id"],
        "title" if google else "product_name": SOURCES["name"],
        GOOGLE_PRICE if google and not own_price else price: (price,)
        if own_price
        else (LEGACY_PRICE, DISPLAY_PRICE, GOOGLE_PRICE),
    }
    missing = [name for name, choices in needed.items() if not any(choice in columns for choice in choices)]
    if not missing:
        return
    tried = f"Reading the feed {label}"
    has = f"(it has: {', '.join(columns[:8])}{', ...' * (len(columns) > 8)})"
    if missing == [price] and own_price:
        raise FeedError(
            Fault.WRONG_PRICE_COLUMN,
            tried,
            f"it has no column {price} {has}",
            f"The column {price} is named by SYNC_PRICE_COLUMN: correct that setting, or add the column in AWIN.",
        )
    code = Fault.UNKNOWN_COLUMNS if len(missing) == len(needed) else Fault.MISSING_COLUMNS
    raise FeedError(
        code,
        tried,
        f"it has no column {', '.join(missing)} {has}",
        "Add what is missing: in AWIN, Toolbox > Create-a-Feed, choose these columns and copy the new address into "
        "AWIN_FEED_URL (the part /columns/ lists them)."
        if code is Fault.MISSING_COLUMNS
        else "It looks like another kind of feed: make one in AWIN, Toolbox > Create-a-Feed, with these columns, and "
        "copy its address into AWIN_FEED_URL.",
    )


@dataclass(frozen=True)
class Table:
    """Cells of a chunk, by column or by meaning."""

    cells: pl.DataFrame
    _known: dict[str, pl.Series] = field(default_factory=dict, init=False)

    def column(self, name: str) -> pl.Series:
        """One column, blanks as null; all null when the feed lacks it."""
        if name not in self._known:  # 26 columns are asked for 38 times
            self._known[name] = (
                blank_to_null(self.cells.get_column(name))
                if name in self.cells.columns
                else pl.Series(name, [None], dtype=pl.String).new_from_index(0, self.cells.height)
            )
        return self._known[name]

    def first(self, meaning: str) -> pl.Series:
        """The first sibling column that is not blank, per row."""
        present = self.siblings(meaning)
        found = next(present, self.column(meaning))
        for sibling in present:
            if found.null_count():
                found = found.zip_with(found.is_not_null(), sibling)
        return found.alias(meaning)

    def siblings(self, meaning: str) -> Iterator[pl.Series]:
        """The columns with this meaning that say anything, the one that counts first."""
        columns = (self.column(name) for name in SOURCES[meaning] if name in self.cells.columns)
        return (text for text in columns if text.null_count() < len(text))
