"""Passes a call to its operation, with the stand-in's state."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from awin_medusa_pipeline.sandbox.etsy import views
from awin_medusa_pipeline.sandbox.etsy.answers import refusal
from awin_medusa_pipeline.sandbox.etsy.requests import Request
from awin_medusa_pipeline.sandbox.etsy.rules import fields
from awin_medusa_pipeline.sandbox.etsy.state import Listing, State


@dataclass(frozen=True)
class Received:
    """A call to an operation. `ids`: ids in the path; `owner`: whether it has a token that may read listings."""

    state: State
    request: Request
    ids: dict[str, int]
    owner: bool
    base_url: str

    @property
    def listing(self) -> Listing:
        """The listing in the path as a read shows it; raises RefusedError as `find` does."""
        return self.find(self.ids["listing_id"])

    def find(self, listing_id: int) -> Listing:
        """Find a listing as a read shows it; only the owner finds one that is not active.

        Raises RefusedError with 404.
        """
        return self._known(listing_id, self.state.shown_listing(listing_id))

    @property
    def writable(self) -> Listing:
        """The listing in the path as it is now, to be changed. Raises RefusedError with 404, 409 if Etsy removed it."""
        listing_id = self.ids["listing_id"]
        found = self._known(listing_id, self.state.kept.listings.get(listing_id))
        if found.state == "removed":
            raise refusal(409, f"Stand-in: listing {found.listing_id} was removed by Etsy")
        self.state.changing_listing(listing_id)
        return found

    def _known(self, listing_id: int, found: Listing | None) -> Listing:
        if found is None or not (self.owner or found.state == "active"):
            raise refusal(404, f"Stand-in: Could not find a listing with listing_id = {listing_id}")
        return found

    @property
    def includes(self) -> frozenset[str]:
        """The associations requested."""
        return frozenset(fields.words(self.request.query.get("includes", "")))

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Read a number from the query. Raises RefusedError with 400."""
        text = self.request.query.get(name, str(default))
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise refusal(400, f"Stand-in: {name} is {least} to {most}, not {text!r}")
        return int(text)

    def truth(self, name: str) -> bool | None:
        """Read a filter from the query; None if it is not there. Raises RefusedError with 400."""
        known = {None: None, "true": True, "1": True, "false": False, "0": False}
        text = self.request.query.get(name)
        if text not in known:
            raise refusal(400, f"Stand-in: {name} is true or false, not {text!r}")
        return known[text]

    def choice(self, name: str, default: str, *known: str) -> str:
        """Read a word from the query. Raises RefusedError with 400."""
        word = self.request.query.get(name, default)
        if word not in known:
            raise refusal(400, f"Stand-in: {name} is one of {', '.join(known)}, not {word!r}")
        return word

    def listing_ids(self) -> list[int]:
        """Read the 1 to 100 ids of a batch. Raises RefusedError with 400."""
        try:
            found = fields.ids(self.request.query.get("listing_ids", ""))
        except ValueError:
            found = []
        if not 1 <= len(found) <= 100:
            raise refusal(400, "Stand-in: listing_ids are 1 to 100 numbers in one value, with commas")
        return found

    def view(self, found: Listing, includes: Collection[str]) -> dict[str, Any]:
        """Build the answer for a listing with its associations."""
        return views.with_associations(found, self.state, self.base_url, owner=self.owner, includes=includes)

    def result(self, results: list[Any], count: int | None = None) -> dict[str, Any]:
        """Build Etsy's form of a list."""
        return {"count": len(results) if count is None else count, "results": results}
