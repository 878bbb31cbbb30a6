"""Accounts for pieces that went on Etsy, so that none is offered twice.

Etsy is offered what Medusa has, less the pieces that went on Etsy and that Medusa does not know of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from awin_medusa_pipeline.etsy.domain.memory import VariantStock
from awin_medusa_pipeline.medusa.models import ShopProduct


@dataclass(frozen=True)
class Imported:
    """What the sale import has dealt with of one product.

    `pieces`: of all sales so far, by Medusa variant. `until`: when the last import that came to its end began; None:
    none did.
    """

    pieces: Mapping[str, int]
    until: datetime | None


def look_at_stock(
    variant_id: str,
    before: VariantStock,
    *,
    now: datetime,
    level: int | None,
    shown: int | None = None,
    imported: Imported | None = None,
) -> VariantStock:
    """Account for what happened to one variant since the last look.

    `level`: pieces in Medusa now; None: not counted. `shown`: pieces on Etsy now; None: not read. `imported`: None
    where the sale import is off. Medusa going down by all that is missing is taken for the booking that the owner was
    asked for; where sales are imported only if an import since then did not find these.
    """
    known = before.imported if imported is None else imported.pieces.get(variant_id, 0)
    if level is None:
        return VariantStock(given=before.given if shown is None else shown, level=None, imported=known)
    gone, given, since = before.gone - (known - before.imported), before.given, before.since
    asked_until = now if imported is None else imported.until
    was_asked = since is not None and asked_until is not None and since < asked_until
    if was_asked and before.level is not None and before.level - level >= gone > 0:
        gone = 0
    if shown is not None and shown < given:
        gone, given, since = gone + given - shown, shown, now
    return VariantStock(given=given, level=level, gone=gone, since=since, imported=known)


def offered(level: int | None, stock: VariantStock | None) -> int | None:
    """Pieces to offer on Etsy; None: not counted."""
    return level if level is None or stock is None else max(0, level - max(0, stock.gone))


def take_written(
    stock: Mapping[str, VariantStock],
    quantities: Mapping[str, int],
    product: ShopProduct | None,
    imported: Imported | None,
) -> dict[str, VariantStock]:
    """Account for quantities that Etsy has taken, by variant: what was imported by now is part of them."""
    levels = {variant.id: variant.quantity for variant in product.variants} if product else {}
    after = dict(stock)
    for variant_id, quantity in quantities.items():
        before = stock.get(variant_id) or VariantStock(
            given=quantity,
            level=levels.get(variant_id),
            imported=imported.pieces.get(variant_id, 0) if imported else 0,
        )
        after[variant_id] = before.model_copy(update={"given": quantity, "gone": max(0, before.gone)})
    return after


def forgive(stock: Mapping[str, VariantStock]) -> dict[str, VariantStock]:
    """Forget the pieces that went: a person says that Medusa's level counts them by now."""
    return {variant_id: one.model_copy(update={"gone": 0}) for variant_id, one in stock.items()}
