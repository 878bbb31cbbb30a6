"""Stores the stand-in's settings, tokens, listings, images, receipts, fees and log of calls.

With a folder, everything except the log survives a restart.
"""

import hashlib
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.past import Past
from awin_medusa_pipeline.sandbox.etsy.rules.listing import Has
from awin_medusa_pipeline.sandbox.etsy.settings import StandInSettings

Json = dict[str, Any]

FEE_CENTS = 20
"""Etsy: USD 0.20 per listing published or renewed."""
CALLS_KEPT = 200_000


@dataclass
class Code:
    """A code from the consent page, valid once."""

    redirect_uri: str
    challenge: str
    scopes: list[str]
    expires_at: float


@dataclass
class Token:
    """An access or a refresh token."""

    scopes: list[str]
    expires_at: float


@dataclass
class Tokens:
    """All codes and tokens still valid."""

    codes: dict[str, Code] = field(default_factory=dict)
    access: dict[str, Token] = field(default_factory=dict)
    refresh: dict[str, Token] = field(default_factory=dict)
    refreshes: int = 0
    """Number of refresh tokens exchanged for a new pair."""


@dataclass
class Image:
    """An image of the shop, whether or not a listing shows it."""

    sha256: str
    content_type: str
    width: int
    height: int
    created_at: int


@dataclass
class Shown:
    """An image's place in a listing."""

    image_id: int
    rank: int
    alt_text: str = ""


@dataclass
class VariationImage:
    """The image of the variants that have a value."""

    property_id: int
    value_id: int
    image_id: int


@dataclass
class Listing:
    """A listing: its fields by Etsy's names, its inventory in the form of Etsy's answer, and its images.

    `disturbed_at`: when a sale or its seller changed the inventory, until an inventory that is sent has met it.
    """

    listing_id: int
    fields: Json
    inventory: Json
    images: list[Shown] = field(default_factory=list)
    variation_images: list[VariationImage] = field(default_factory=list)
    disturbed_at: float | None = None

    @property
    def state(self) -> str:
        """draft, active, inactive, sold_out, removed or expired."""
        state: str = self.fields["state"]
        return state

    def show(self, shown: Sequence[Shown]) -> None:
        """Set the images, given newest first, by rank; on one rank the newest comes first, as Etsy says of rank 1."""
        self.images = sorted(shown, key=lambda place: place.rank)
        self._drop_variation_images()

    def stock(self, inventory: Json) -> None:
        """Set the inventory."""
        self.inventory = inventory
        self._drop_variation_images()

    def values(self) -> dict[tuple[int, int], str]:
        """Map property and id of each value of its variations to the value."""
        values = [value for product in self.inventory["products"] for value in product["property_values"]]
        return {(value["property_id"], value["value_ids"][0]): value["values"][0] for value in values}

    def _drop_variation_images(self) -> None:
        """Drop the images of values that are gone, and images that are gone (eli-jordan: links dangle or are wiped)."""
        values, images = self.values(), {shown.image_id for shown in self.images}
        self.variation_images = [
            place
            for place in self.variation_images
            if (place.property_id, place.value_id) in values and place.image_id in images
        ]


@dataclass
class Fee:
    """A fee for publishing or renewing a listing."""

    listing_id: int
    at: float
    cents: int = FEE_CENTS
    currency: str = "USD"


@dataclass
class Receipt:
    """An order of a buyer: what it says in Etsy's form, except what is computed when it is shown (receipts.py)."""

    receipt_id: int
    created_at: int
    updated_at: int
    transactions: list[Json]
    is_paid: bool = True
    is_shipped: bool = False
    is_canceled: bool = False
    refunds: list[Json] = field(default_factory=list)


@dataclass
class Call:
    """A request in the log. `body`: form and multipart as [name, value] pairs, JSON unchanged.

    `ignored`: names that Etsy does not know for the operation; `repeated`: names whose last value alone counted.
    """

    number: int
    at: float
    method: str
    path: str
    operation: str
    query: list[list[str]]
    content_type: str
    body: Any
    status: int | None = None
    fault: str | None = None
    ignored: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)


@dataclass
class Kept:
    """The state that survives a restart."""

    settings: StandInSettings = field(default_factory=StandInSettings)
    tokens: Tokens = field(default_factory=Tokens)
    listings: dict[int, Listing] = field(default_factory=dict)
    images: dict[int, Image] = field(default_factory=dict)
    value_ids: dict[str, int] = field(default_factory=dict)
    fees: list[Fee] = field(default_factory=list)
    receipts: dict[int, Receipt] = field(default_factory=dict)
    last_ids: dict[str, int] = field(default_factory=dict)


_KEPT = TypeAdapter(Kept)
# Etsy's ids exceed 32 bits; each kind has its own range, so that mistaking one id for another is detected.
_FIRST_IDS = {
    "listing": 4_400_000_001,
    "image": 6_500_000_001,
    "product": 22_000_000_001,
    "offering": 24_000_000_001,
    "value": 52_000_000_001,
    "receipt": 3_400_000_001,
    "transaction": 4_700_000_001,
}


class State:
    """The whole state, in memory; `folder`: where it is also saved."""

    def __init__(self, folder: Path | None = None, settings: StandInSettings | None = None) -> None:
        self._folder = folder
        self.first_settings = settings or StandInSettings()
        self._pictures: dict[str, bytes] = {}
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self.call_count = 0
        self.kept = Kept(self.first_settings)
        self.changed = False
        self._next_save = 0.0
        self._past_listings: Past[Listing] = Past()
        self._past_receipts: Past[Receipt] = Past()
        if folder and (file := folder / "state.json").exists():
            self.kept = _KEPT.validate_json(file.read_bytes())
            self.kept.settings = self.first_settings

    @property
    def settings(self) -> StandInSettings:
        """The current settings."""
        return self.kept.settings

    @property
    def has(self) -> Has:
        """What a listing may refer to."""
        readiness = {state["readiness_state_id"] for state in shop.READINESS_STATES}
        return Has(readiness, self.kept.images.keys(), self.settings.currency, self.settings.is_eu)

    def now(self) -> float:
        """Seconds since 1970 on the stand-in's clock."""
        return time.time() + self.settings.clock_ahead

    def shown_listing(self, listing_id: int) -> Listing | None:
        """Return a listing as a read shows it."""
        then = self.now() - self.settings.behind_seconds
        return self._past_listings.shown(listing_id, self.kept.listings.get(listing_id), then)

    def shown_listings(self) -> Iterable[Listing]:
        """Return all listings as a read shows them, oldest first."""
        shown = map(self.shown_listing, sorted(self.kept.listings.keys() | self._past_listings.numbers()))
        return [listing for listing in shown if listing]

    def shown_receipts(self) -> Iterable[Receipt]:
        """Return all receipts as a read shows them, oldest first."""
        then = self.now() - self.settings.behind_seconds
        shown = (self._past_receipts.shown(number, kept, then) for number, kept in self.kept.receipts.items())
        return [receipt for receipt in shown if receipt]

    def changing_listing(self, listing_id: int) -> None:
        """Keep what a listing was, before it is made, changed or removed. Its inventory is replaced, never changed."""
        found = self.kept.listings.get(listing_id)
        was = found and replace(
            found, fields=dict(found.fields), images=list(found.images), variation_images=list(found.variation_images)
        )
        self._past_listings.keep(listing_id, was, self.now(), self.settings.behind_seconds)

    def changing_receipt(self, receipt_id: int) -> None:
        """Keep what a receipt was, before it is made or changed."""
        found = self.kept.receipts.get(receipt_id)
        was = found and replace(found, refunds=list(found.refunds))
        self._past_receipts.keep(receipt_id, was, self.now(), self.settings.behind_seconds)

    def next_id(self, kind: str) -> int:
        """Return a new id."""
        found = self.kept.last_ids.get(kind, _FIRST_IDS[kind] - 1) + 1
        self.kept.last_ids[kind] = found
        return found

    def value_id(self, property_id: int, value: str) -> int:
        """Return the shop's id of a property value, always the same for the same value."""
        key = f"{property_id} {value}"
        if key not in self.kept.value_ids:
            self.kept.value_ids[key] = self.next_id("value")
        return self.kept.value_ids[key]

    def add_picture(self, content: bytes) -> str:
        """Save an image's bytes and return their SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        self._pictures[digest] = content
        if self._folder:
            file = self._folder / "pictures" / digest
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return digest

    def picture(self, digest: str) -> bytes:
        """Return an image's bytes."""
        if digest not in self._pictures and self._folder:
            self._pictures[digest] = (self._folder / "pictures" / digest).read_bytes()
        return self._pictures[digest]

    def reset(self, settings: StandInSettings) -> None:
        """Remove listings and tokens. Ids continue, so that none is reused for another object."""
        self.kept = Kept(settings, last_ids=self.kept.last_ids)
        self._past_listings.clear()
        self._past_receipts.clear()
        self.calls.clear()
        self.call_count = 0
        self.changed = True

    def save(self, *, at_once: bool = False) -> None:
        """Save the state if there is a folder and something changed.

        Unless `at_once`, saving takes at most a tenth of the time, since a large shop takes a while to write.
        """
        began = time.monotonic()
        if self._folder and self.changed and (at_once or began >= self._next_save):
            self._folder.mkdir(parents=True, exist_ok=True)
            draft = self._folder / "state.json.draft"
            draft.write_bytes(_KEPT.dump_json(self.kept))
            draft.replace(self._folder / "state.json")
            # Only now: the signal that ends the process may come while this writes, and the last save must try again.
            self.changed = False
            self._next_save = time.monotonic() + 10 * (time.monotonic() - began)

    def dump(self) -> Json:
        """Return everything except the log, as JSON."""
        content: Json = _KEPT.dump_python(self.kept, mode="json")
        return content | {"call_count": self.call_count}
