"""One call on its way to its operation: what was sent, by whom, and what the stand-in keeps."""

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
    """`ids`: numbers of the path; `owner`: whether a token of the shop came with it."""

    state: State
    request: Request
    ids: dict[str, int]
    owner: bool
    base_url: str

    @property
    def listing(self) -> Listing:
        """The listing of the path; drafts and the like are there for their owner only."""
        return self.find(self.ids["listing_id"])

    def find(self, listing_id: int) -> Listing:
        """A listing by its id. Raises RefusedError with 404."""
        found = self.state.kept.listings.get(listing_id)
        if found is None or not (self.owner or found.state == "active"):
            raise refusal(404, f"Stand-in: Could not find a listing with listing_id = {listing_id}")
        return found

    @property
    def writable(self) -> Listing:
        """The listing of the path, to be changed. Raises RefusedError with 409 for one that Etsy has removed."""
        found = self.listing
        if found.state == "removed":
            raise refusal(409, f"Stand-in: listing {found.listing_id} was removed by Etsy")
        return found

    @property
    def includes(self) -> frozenset[str]:
        """The associations that are asked for."""
        return frozenset(fields.words(self.request.query.get("includes", "")))

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A number of the query. Raises RefusedError with 400."""
        text = self.request.query.get(name, str(default))
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise refusal(400, f"Stand-in: {name} is {least} to {most}, not {text!r}")
        return int(text)

    def choice(self, name: str, default: str, *known: str) -> str:
        """A word of the query. Raises RefusedError with 400."""
        word = self.request.query.get(name, default)
        if word not in known:
            raise refusal(400, f"Stand-in: {name} is one of {', '.join(known)}, not {word!r}")
        return word

    def listing_ids(self) -> list[int]:
        """The ids of a batch, 1 to 100. Raises RefusedError with 400."""
        try:
            found = fields.ids(self.request.query.get("listing_ids", ""))
        except ValueError:
            found = []
        if not 1 <= len(found) <= 100:
            raise refusal(400, "Stand-in: listing_ids are 1 to 100 numbers in one value, with commas")
        return found

    def view(self, found: Listing, includes: Collection[str]) -> dict[str, Any]:
        """A listing with what belongs to it."""
        return views.with_associations(found, self.state, self.base_url, owner=self.owner, includes=includes)

    def result(self, results: list[Any], count: int | None = None) -> dict[str, Any]:
        """Etsy's form of a list."""
        return {"count": len(results) if count is None else count, "results": results}
