"""Takes over what Etsy shows of a listing into its memory, and says what a person should know about it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from awin_medusa_pipeline.etsy.domain.listing import Listing
from awin_medusa_pipeline.etsy.domain.memory import InventoryPut, ListingMemory, VariantStock
from awin_medusa_pipeline.etsy.domain.owners import changed_at_etsy, compare, in_words, left_alone
from awin_medusa_pipeline.etsy.domain.shown import ShownListing, label_of, match_variants, same, shown_fields
from awin_medusa_pipeline.etsy.domain.stock import Imported, look_at_stock, offered, take_written
from awin_medusa_pipeline.medusa.models import ShopProduct

BEHIND = timedelta(seconds=30)
"""Etsy's reads are some seconds behind its writes (2 s waited for by another client): nothing younger is trusted."""
_NAMED = 3


@dataclass(frozen=True)
class Look:
    """The updated memory of a listing, and sentences about it for a person: each is said once."""

    memory: ListingMemory
    sentences: tuple[str, ...] = ()


def look_at_listing(
    memory: ListingMemory,
    shown: ShownListing,
    wanted: Listing | None,
    product: ShopProduct | None,
    *,
    now: datetime,
    imported: Imported | None = None,
    ours: Collection[str] = (),
) -> Look:
    """Take over what Etsy shows.

    `wanted`: the listing as it should be; None: none can be made now, so variants and pictures are not compared.
    `imported`: None where the sale import is off. `ours`: as in `compare`.
    """
    is_trusted = memory.put is None or now - memory.put.at >= BEHIND
    if not is_trusted:
        shown = ShownListing(shown.state, shown.content, shown.image_ids)
    put, stock = _settle(memory, shown) if is_trusted else (memory.put, memory.stock)
    after = _look_at_stock(stock, memory, shown, wanted, product, imported, now)
    fields = shown_fields(shown, wanted.inventory if wanted else None)
    changes: dict[str, object] = {"state": shown.state, "seen": fields, "stock": after, "put": put}
    sentences = _gone(memory.stock, after, product)
    if wanted:
        told, said = _changed(memory, fields, wanted, ours)
        changes["told"] = told
        sentences += said
    if set(memory.image_ids.values()) != set(shown.image_ids):
        changes["seen"] = fields | {"images": f"{len(shown.image_ids)} on Etsy"}
        if wanted and wanted.images_hash == memory.images_hash:
            changes["images_hash"] = None
            sentences.append("On Etsy someone changed its pictures.")
    if shown.state != memory.state and memory.state is not None:
        sentences.append(f"On Etsy it went from {memory.state} to {shown.state}.")
    return Look(memory.model_copy(update=changes), tuple(sentences))


def piece_notes(stock: Mapping[str, VariantStock], product: ShopProduct) -> list[str]:
    """Say of each variant of which pieces went on Etsy, what is offered instead of Medusa's level."""
    names = {variant.id: variant.name for variant in product.variants}
    return [
        f"On Etsy {one.gone:,} of {names[variant_id]} went, probably sold there: {offered(one.level, one):,} are "
        f"offered, although Medusa has {one.level:,}. Lower the level in Medusa by {one.gone:,}."
        for variant_id, one in stock.items()
        if one.gone > 0 and one.level is not None and variant_id in names
    ]


def _settle(memory: ListingMemory, shown: ShownListing) -> tuple[InventoryPut | None, Mapping[str, VariantStock]]:
    """Find out whether Etsy has taken a write whose answer never came; then its quantities are what Etsy was given."""
    put, stock = memory.put, memory.stock
    if put is None or shown.variants is None:
        return put, stock
    there = {variant.product_id for variant in shown.variants}
    if not put.answered and not there & set(put.replaced):
        known = {variant_id: quantity for variant_id, quantity in put.quantities.items() if variant_id in stock}
        stock = take_written(stock, known, None, None)
    return None, stock


def _look_at_stock(
    stock: Mapping[str, VariantStock],
    memory: ListingMemory,
    shown: ShownListing,
    wanted: Listing | None,
    product: ShopProduct | None,
    imported: Imported | None,
    now: datetime,
) -> dict[str, VariantStock]:
    pieces = _pieces(shown, wanted)
    after = {}
    for variant in product.variants if product else ():
        shows, before = pieces.get(variant.id), stock.get(variant.id)
        given = before.given if before else _given(memory, wanted, variant.id)
        if given is None or shown.state == "draft":
            # Nothing of a draft is sold: what differs was written by its seller.
            given = shows
        if given is None:
            continue
        sold = imported.pieces.get(variant.id, 0) if imported else 0
        known = before or VariantStock(given=given, level=variant.quantity, imported=sold)
        after[variant.id] = look_at_stock(
            variant.id,
            known.model_copy(update={"given": given}),
            now=now,
            level=variant.quantity,
            shown=shows,
            imported=imported,
        )
    # Without the product what is known stays for its return.
    return after if product else dict(stock)


def _pieces(shown: ShownListing, wanted: Listing | None) -> dict[str, int]:
    """Medusa variant -> pieces on Etsy; without those of which Etsy does not say how many there are."""
    if shown.variants is None or wanted is None:
        return {}
    matched = match_variants(wanted.inventory, shown.variants)
    found = {id(product): match for product, match in matched}
    known = {id(match) for match in found.values()}
    # What is shown under a name that nobody knows may be the variant that seems to be missing.
    all_known = all(id(variant) in known for variant in shown.variants if variant.for_sale)
    pieces = {}
    for variant_id, product in zip(wanted.variant_ids, wanted.inventory.products, strict=True):
        match = found.get(id(product))
        if variant_id is not None and (match or all_known):
            pieces[variant_id] = match.quantity if match and match.for_sale else 0
    return pieces


def _given(memory: ListingMemory, wanted: Listing | None, variant_id: str) -> int | None:
    """The quantity that an older release wrote, which kept no stock; None: it wrote none."""
    if wanted is None or variant_id not in wanted.variant_ids:
        return None
    product = wanted.inventory.products[wanted.variant_ids.index(variant_id)]
    text = memory.written.get(f"quantity {label_of(product.property_values)}".rstrip(), "")
    return int(text) if text.isdigit() else None


def _gone(
    before: Mapping[str, VariantStock], after: Mapping[str, VariantStock], product: ShopProduct | None
) -> list[str]:
    """Say which pieces went since the last look."""
    new = {
        variant_id: one
        for variant_id, one in after.items()
        if one.gone > max(0, before[variant_id].gone if variant_id in before else 0)
    }
    return piece_notes(new, product) if product else []


def _changed(
    memory: ListingMemory, seen: Mapping[str, str], wanted: Listing, ours: Collection[str]
) -> tuple[dict[str, str], list[str]]:
    """Say what was changed at Etsy: what stays as the seller set it, and what a confirmation sets back."""
    kept = compare(wanted.fields, memory.written, seen, ours).kept
    changed = dict.fromkeys([*kept, *changed_at_etsy(memory.written, seen)])
    # Etsy leaves out what it does not know, and of the three that belong together one alone may have changed.
    told = {
        name: seen[name]
        for name in changed
        if name in seen and not (name in kept and same(name, seen[name], wanted.fields[name]))
    }
    new = [name for name in told if memory.told.get(name) != told[name]]
    sentences = [left_alone(name, told[name]) for name in new if name in kept]
    if others := [in_words(name) for name in new if name not in kept]:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        sentences.append(f"On Etsy someone changed its {', '.join(others[:_NAMED])}{more}.")
    return told, sentences
