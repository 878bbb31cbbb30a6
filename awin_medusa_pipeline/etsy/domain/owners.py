"""Decides per field whether Etsy gets our value: a field that the seller changed at Etsy is the seller's.

Three values count: what Etsy was last given, what it shows now, and what the shop and the account's settings ask for.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from awin_medusa_pipeline.etsy.domain.listing import MADE
from awin_medusa_pipeline.etsy.domain.shown import OF_A_VARIANT, PROCESSING, VARIATIONS, Fields, same

SELLERS: Mapping[str, tuple[str, ...]] = {
    "category": ("taxonomy_id",),
    "shipping_profile": ("shipping_profile_id",),
    "return_policy": ("return_policy_id",),
    "processing_profile": (PROCESSING,),
    "auto_renew": ("should_auto_renew",),
    "who_made": MADE,
    "materials": ("materials",),
    "tags": ("tags",),
    "variations": (VARIATIONS,),
}
"""Name of a setting ETSY_OWNER_... -> the fields that stay as the seller set them at Etsy, unless it says otherwise."""
SETTING_OF = {field: name for name, fields in SELLERS.items() for field in fields}

_WORDS = {
    "taxonomy_id": "category",
    "shipping_profile_id": "shipping profile",
    "return_policy_id": "return policy",
    "readiness_state_id": "processing profile",
    "should_auto_renew": "auto-renewal",
    "who_made": "who made it",
    "when_made": "when it was made",
    "is_supply": "whether it is a supply",
}

OF_THE_INVENTORY = (VARIATIONS, PROCESSING)
IMAGES = "images"


@dataclass(frozen=True)
class Comparison:
    """What differs from Etsy: fields of the content to send, of the variants to send, and those left to the seller."""

    content: tuple[str, ...]
    variants: tuple[str, ...]
    kept: tuple[str, ...]


def compare(wanted: Fields, written: Fields, seen: Fields, ours: Collection[str]) -> Comparison:
    """Compare a listing as it should be with what Etsy was given (`written`) and shows (`seen`).

    `ours`: names of SELLERS that are never left to the seller.
    """
    now = {**_read(written, seen), **seen}
    differing = [name for name in wanted if name not in now or not same(name, now[name], wanted[name])]
    settings = [name for name in differing if not _is_variant(name) and name != IMAGES]
    kept = {name for name in settings if _is_sellers(name, written, seen, ours)}
    kept |= {name for name in MADE if name in wanted and kept & set(MADE)}
    send = [name for name in settings if name not in kept]
    variants = [name for name in send if name in OF_THE_INVENTORY]
    return Comparison(
        content=tuple(name for name in send if name not in OF_THE_INVENTORY),
        variants=(*variants, *_differing_variants(wanted, now)),
        kept=tuple(name for name in wanted if name in kept and name in now),
    )


def changed_at_etsy(written: Fields, seen: Fields) -> list[str]:
    """Name the fields that show another value than Etsy was given, except quantities."""
    return [
        name
        for name, value in seen.items()
        if name in written and not name.startswith("quantity") and not same(name, value, written[name])
    ]


def in_words(name: str) -> str:
    """Name a field for a person."""
    return _WORDS.get(name, name)


def left_alone(name: str, value: str) -> str:
    """Say that a field stays as the seller set it at Etsy."""
    setting = f"ETSY_OWNER_{SETTING_OF[name].upper()}"
    return f"Changed at Etsy, and left so: {in_words(name)} {value!r} ({setting}=seller)."


def _read(written: Fields, seen: Fields) -> Fields:
    """What counts of what was written: where Etsy shows variants, those that it does not show are not there."""
    if not any(map(_is_variant, seen)):
        return written
    return {name: value for name, value in written.items() if not _is_variant(name)}


def _is_sellers(name: str, written: Fields, seen: Fields, ours: Collection[str]) -> bool:
    if name not in SETTING_OF or SETTING_OF[name] in ours or name not in seen:
        return False
    return name not in written or not same(name, seen[name], written[name])


def _differing_variants(wanted: Fields, now: Fields) -> list[str]:
    """Fields of variants that a buyer would see change: of one that is sold out the quantity alone."""
    sold_out = {_label(name) for name, value in wanted.items() if name.startswith("quantity") and value == "0"}
    differing = []
    for name in dict.fromkeys([*wanted, *now]):
        if not _is_variant(name):
            continue
        if _label(name) in sold_out:
            differs = name in wanted and now.get(name, "0") != "0"
        elif name in wanted:
            differs = name not in now or not same(name, now[name], wanted[name])
        else:
            # A variant that the shop no longer has; a buyer cannot see it where it has no pieces.
            differs = now.get(f"quantity {_label(name)}".rstrip(), "0") != "0"
        if differs:
            differing.append(name)
    return differing


def _is_variant(name: str) -> bool:
    return name.partition(" ")[0] in OF_A_VARIANT


def _label(name: str) -> str:
    return name.partition(" ")[2]
