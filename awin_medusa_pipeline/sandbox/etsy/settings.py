"""Names what a test may change of the stand-in, and the ways in which sources disagree about Etsy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SoldOutToActive = Literal["works", "one_piece", "error"]
ExpiredToActive = Literal["renews", "ignored"]
DisabledCombinations = Literal["kept", "price_0", "left_out"]


@dataclass
class StandInSettings:
    """Settings that a test may change; the defaults are Etsy's where known."""

    keystring: str = "standinkeystring0123456"
    shared_secret: str = field(default="standinsecret", repr=False)
    redirect_uris: list[str] = field(default_factory=lambda: ["http://localhost:3003/oauth/redirect"])
    token_seconds: float = 3_600
    refresh_token_seconds: float = 90 * 86_400
    code_seconds: float = 60
    per_second: int = 150
    per_day: int = 100_000
    currency: str = "GBP"
    is_eu: bool = False
    clock_ahead: float = 0
    """Seconds by which the stand-in's clock is ahead, so that a test can pass time without waiting."""
    missing_scope: Literal[401, 403] = 403
    """Status where a token lacks a scope: 403 as several clients saw in 2026-09, or 401 as without any token."""
    shows_edit: bool = False
    """An inactive listing is shown as "edit", also in the list of inactive ones (open-api #516)."""
    sold_out_to_active: SoldOutToActive = "works"
    """A sold-out listing that is set active keeps its quantities, has one piece of each offering that can be bought
    (spec of updateListing: "will update the quantity to 1"), or is answered with 500 (open-api #247)."""
    expired_to_active: ExpiredToActive = "renews"
    """An expired listing that is set active is renewed, or answered with 200 and left as it is (open-api #897)."""
    behind_seconds: float = 0
    """Reads show what was so many seconds ago; writes, and their answers, see the present (open-api #457)."""
    disabled_combinations: DisabledCombinations = "kept"
    """How a combination that cannot be bought is shown: as it is, at price 0 (measured by eli-jordan in 2026-09), or
    not at all."""
    recases_values: bool = False
    """Values of options are shown with a capital at the beginning, e.g. "Dark red" for "dark red"."""
    hides_readiness_of_drafts: bool = False
    """A draft shows no readiness_state_id (spec of ShopListing: "Returned only when the listing is active")."""
    conflicts: bool = False
    """An inventory that is sent soon after a sale or a seller's edit is refused once with 409 (listed in the spec)."""
    refuses_blank_words: bool = False
    """Blank tags, materials and styles are answered with 500 (open-api #485)."""
    refunds_keep_timestamp: bool = False
    """Cancelling or refunding leaves a receipt's updated_timestamp as it is (open-api #513, #604)."""


def strictest(behind_seconds: float = 3) -> dict[str, Any]:
    """Return the settings of the strictest mix, for EtsyHandle.change; what costs most where only one can be."""
    return {
        "missing_scope": 401,
        "shows_edit": True,
        "sold_out_to_active": "one_piece",
        "expired_to_active": "ignored",
        "behind_seconds": behind_seconds,
        "disabled_combinations": "left_out",
        "recases_values": True,
        "hides_readiness_of_drafts": True,
        "conflicts": True,
        "refuses_blank_words": True,
        "refunds_keep_timestamp": True,
    }


SINGLE_MODES: Mapping[str, Mapping[str, Any]] = {
    **{name: {name: value} for name, value in strictest().items()},
    "sold_out_to_active: error": {"sold_out_to_active": "error"},
    "disabled_combinations: price_0": {"disabled_combinations": "price_0"},
}
"""Each mode alone, by a name for people; for EtsyHandle.change."""
