"""Lists the kinds of change with everything that differs between them and is not code.

A new kind is one entry here, the contract of its table (contracts.py), one plan function (plans.py), one writer
(sync/engine/writers.py) and one asset.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from awin_medusa_pipeline.medusa.shapes import OFFER_KEY
from awin_medusa_pipeline.sync.domain.operations import Json, Kind, money_text, text_of
from awin_medusa_pipeline.sync.domain.rules import CONTENT, Scope


@dataclass(frozen=True)
class KindEntry:
    """One kind of change."""

    words: str
    """Name for people, at the start of a line: `set stock`."""
    asset: str
    """The Dagster asset that applies it."""
    table: str
    """The Dagster asset that holds its rows; contracts.py has their contract under this name."""
    found: str
    """Their number in sync-summary.json."""
    key: str
    """Column of the contract that identifies a row in operations and held plans."""
    shown: tuple[str, ...]
    """Columns that tell a person which product it is, and what would change."""
    tell: Callable[[Json], str]
    """What a person reads for `before` or `after` of an operation."""
    decided_by: tuple[str, ...]
    """Columns of what would be written: while they stay the same, a person's decision on the row holds."""
    undone_as: Kind
    """Kind of the operations that undo it."""
    scope: Scope
    """Scope of the guards that hold this kind."""
    size: tuple[str, ...] = ()
    """Columns that say how large a row's change is: one number, or two of which it is the difference."""


def _money(values: Json) -> str:
    if not values.get("price"):
        return "no price"
    return f"{money_text(Decimal(values['price']))} {values['currency'].upper()}"


def _level(values: Json) -> str:
    return f"{values['level']} in stock" if values.get("level") is not None else "no level"


def _content(values: Json) -> str:
    field, value = next((field, value) for field, value in values.items() if field in CONTENT)
    if field == "images":  # the thumbnail comes first, and is one of them
        return f"images {max(len(value) - 1, 0)}"
    return f"{field} {text_of(value) or 'none'}"


KINDS: Mapping[Kind, KindEntry] = {
    Kind.ADOPT: KindEntry(
        words="adopt",
        asset="adopted_products",
        table="adoption_candidates",
        found="adoption_candidates",
        key="variant_id",
        shown=("name", "title", "variant_title", "sku", "shop_sku", "price", "shop_price", "agrees", "contradicts"),
        tell=lambda values: str(values.get(OFFER_KEY) or "no key"),
        decided_by=(
            *("offer_key", "name", "title", "variant_title", "sku", "shop_sku", "gtin", "barcode", "brand"),
            "shop_brand",
        ),
        undone_as=Kind.ADOPT,
        scope=Scope.EVERYTHING,
    ),
    Kind.IMPORT: KindEntry(
        words="import",
        asset="imported_products",
        table="missing_awin_products",
        found="missing_in_medusa",
        key="offer_key",
        shown=("sku", "title", "price", "currency", "wanted_level"),
        tell=lambda values: f"{_money(values)}, {_level(values)}",
        decided_by=("product_key", "name"),
        undone_as=Kind.HIDE,
        scope=Scope.IMPORT,
        size=("price",),
    ),
    Kind.HIDE: KindEntry(
        words="hide",
        asset="hidden_products",
        table="medusa_only_products",
        found="medusa_only",
        key="product_id",
        shown=("handle", "title", "skus", "reason"),
        tell=lambda values: str(values.get("status")),
        decided_by=(),
        undone_as=Kind.RESTORE,
        scope=Scope.HIDE,
    ),
    Kind.RESTORE: KindEntry(
        words="restore",
        asset="restored_products",
        table="returning_products",
        found="returning",
        key="product_id",
        shown=("handle", "title"),
        tell=lambda values: str(values.get("status")),
        decided_by=(),
        undone_as=Kind.HIDE,
        scope=Scope.RESTORE,
    ),
    Kind.STOCK: KindEntry(
        words="set stock",
        asset="stock_updates",
        table="stock_mismatches",
        found="stock_mismatches",
        key="variant_id",
        shown=("title", "sku", "level", "wanted_level", "reason"),
        tell=_level,
        decided_by=("wanted_level",),
        undone_as=Kind.STOCK,
        scope=Scope.STOCK,
        size=("wanted_level", "level"),
    ),
    Kind.PRICE: KindEntry(
        words="set price",
        asset="price_updates",
        table="price_mismatches",
        found="price_mismatches",
        key="variant_id",
        shown=("title", "sku", "currency", "shop_price", "price", "change_percent", "earlier_price", "earlier_on"),
        tell=_money,
        decided_by=("currency", "price"),
        undone_as=Kind.PRICE,
        scope=Scope.PRICE,
        size=("change_percent",),
    ),
    Kind.CONTENT: KindEntry(
        words="content",
        asset="content_updates",
        table="content_mismatches",
        found="content_mismatches",
        key="key",
        shown=("title", "field", "shop_value", "value"),
        tell=_content,
        decided_by=("value",),
        undone_as=Kind.CONTENT,
        scope=Scope.CONTENT,
    ),
}

ASSETS = tuple(entry.asset for entry in KINDS.values())
"""The applying assets, in the order of the kinds."""
