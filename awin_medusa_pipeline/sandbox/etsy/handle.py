"""Inspects and controls a running stand-in over HTTP (control.py)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import TypeAdapter

from awin_medusa_pipeline.sandbox.errors import SandboxError
from awin_medusa_pipeline.sandbox.etsy.control import DEFAULT_SCOPES
from awin_medusa_pipeline.sandbox.etsy.faults import FaultKind
from awin_medusa_pipeline.sandbox.etsy.oauth import CONNECT_PATH
from awin_medusa_pipeline.sandbox.etsy.settings import StandInSettings
from awin_medusa_pipeline.sandbox.etsy.state import Call

SECONDS = 30  # it answers in milliseconds, but the machine may be busy
_CALLS = TypeAdapter(list[Call])

Pieces = Mapping[str | tuple[str, ...], int]
"""Number of pieces by SKU, or by the values of the variant."""


@dataclass(frozen=True)
class TokenPair:
    """The tokens of a connected program."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


def environment(url: str, settings: StandInSettings) -> dict[str, str]:
    """Return environment variables that point the program at a stand-in with these settings."""
    return {
        "ETSY_API_URL": url,
        "ETSY_OAUTH_URL": url + CONNECT_PATH,
        "ETSY_KEYSTRING": settings.keystring,
        "ETSY_SHARED_SECRET": settings.shared_secret,
        "ETSY_REDIRECT_URI": settings.redirect_uris[0],
    }


@contextmanager
def _answering(tried: str) -> Iterator[None]:
    """Turn a call that gets no answer, or a refusal, into SandboxError."""
    try:
        yield
    except httpx.HTTPError as error:
        came_back = f"no good answer ({type(error).__name__})"
        raise SandboxError(tried, came_back, "See whether it runs: awin-medusa sandbox status.") from None


@dataclass(frozen=True)
class EtsyHandle:
    """A running stand-in at `url`."""

    url: str

    def environment(self) -> dict[str, str]:
        """Return environment variables that point the program here."""
        return environment(self.url, StandInSettings(**self.state()["settings"]))

    def answers(self) -> bool:
        """Whether the stand-in runs."""
        try:
            return bool(self.state())
        except SandboxError:
            return False

    def state(self) -> dict[str, Any]:
        """Read settings, tokens, listings and receipts (by id as text), images, fees, faults, call_count and more."""
        found: dict[str, Any] = self._ask("GET", "state")
        return found

    def listings(self) -> list[dict[str, Any]]:
        """Read the listings in creation order: listing_id, fields, inventory, images."""
        return list(self.state()["listings"].values())

    def fees(self) -> list[dict[str, Any]]:
        """Read the fees charged: listing_id, at, cents, currency."""
        return list(self.state()["fees"])

    def refreshes(self) -> int:
        """Count the refresh tokens exchanged for a new pair."""
        return int(self.state()["tokens"]["refreshes"])

    def calls(self, *operations: str, after: int = 0) -> list[Call]:
        """Read the log, oldest first; only these operations ("token": the token endpoint) and numbers above `after`."""
        found = _CALLS.validate_python(self._ask("GET", f"calls?after={after}"))
        return [call for call in found if not operations or call.operation in operations]

    def writes(self, after: int = 0) -> list[Call]:
        """Read the API calls meant to change something, whatever their outcome."""
        return [call for call in self.calls(after=after) if call.method != "GET" and call.operation != "token"]

    def last_call(self) -> int:
        """Read the number of the newest call, for `after`."""
        return int(self.state()["call_count"])

    def reset(self, **settings: Any) -> None:
        """Remove listings, tokens and faults, and restore the first settings, except for these."""
        self._ask("POST", "reset", settings)

    def change(self, **settings: Any) -> None:
        """Change some settings, e.g. clock_ahead, and keep the rest."""
        self._ask("POST", "settings", settings)

    def inject(
        self,
        *kinds: FaultKind | str,
        on: Sequence[str] | str = (),
        times: int | None = 1,
        skip: int = 0,
        probability: float = 1.0,
        seed: int = 0,
        seconds: float = 0.0,
    ) -> None:
        """Add a plan (faults.Fault): one of `kinds` strikes the operations `on`, or all operations."""
        plan = {
            "kinds": list(kinds),
            "operations": [on] if isinstance(on, str) else list(on),
            "times": times,
            "skip": skip,
            "probability": probability,
            "seed": seed,
            "seconds": seconds,
        }
        self._ask("POST", "faults", plan)

    def heal(self) -> None:
        """Remove all fault plans."""
        self._ask("DELETE", "faults")

    def connect(self, *scopes: str) -> TokenPair:
        """Create tokens without the consent page, with these scopes or those that the program requests."""
        found = self._ask("POST", "connect", {"scopes": list(scopes) or DEFAULT_SCOPES})
        return TokenPair(found["access_token"], found["refresh_token"], found["expires_in"])

    def allow(self, consent_address: str) -> str:
        """Allow access on the consent page, as a person would; return the address the browser is sent to."""
        address = httpx.URL(consent_address).copy_merge_params({"approve": "1"})
        answer = httpx.get(address, timeout=SECONDS, verify=False)
        if not answer.is_redirect:
            raise ValueError(answer.text)
        return str(answer.headers["location"])

    def agree(self, consent_address: str) -> None:
        """Allow access and call the address that waits for the answer, as the browser would."""
        with _answering("Agreeing at the stand-in for Etsy"):
            httpx.get(self.allow(consent_address), timeout=SECONDS).raise_for_status()

    def edit(self, listing_id: int, *, fields: Any = None, inventory: Any = None) -> None:
        """Change a listing as its seller or Etsy would by other means, for example {"state": "expired"}."""
        self._ask("PATCH", f"listings/{listing_id}", {"fields": fields or {}, "inventory": inventory or {}})

    def remove(self, listing_id: int) -> None:
        """Remove a listing."""
        self._ask("DELETE", f"listings/{listing_id}")

    def sell(self, listing_id: int, pieces: Pieces, *, paid: bool = True, others: Mapping[int, Pieces] = {}) -> int:
        """Order pieces of active listings as a buyer would; return the receipt_id.

        `pieces`: number of pieces by SKU, or by the values of the variant, () for the only one. `others`: pieces of
        more listings in the same order.
        """
        wanted = [[number, _pairs(parts)] for number, parts in [(listing_id, pieces), *others.items()]]
        return int(self._ask("POST", "sales", {"listings": wanted, "paid": paid})["receipt_id"])

    def pay(self, receipt_id: int) -> None:
        """Pay an order that was not paid at once."""
        self._ask("POST", f"receipts/{receipt_id}/pay")

    def ship(self, receipt_id: int) -> None:
        """Mark an order as sent."""
        self._ask("POST", f"receipts/{receipt_id}/ship")

    def cancel(self, receipt_id: int, *, put_back: bool = False) -> None:
        """Cancel an order; `put_back`: its pieces are offered again."""
        self._ask("POST", f"receipts/{receipt_id}/cancel", {"put_back": put_back})

    def refund(self, receipt_id: int, pieces: Pieces | None = None) -> None:
        """Refund an order, or the price of some of its pieces."""
        self._ask("POST", f"receipts/{receipt_id}/refund", {"pieces": _pairs(pieces) if pieces else None})

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        # The address is not encrypted, and loading certificates would take 40 ms.
        with _answering("Asking the stand-in for Etsy"):
            answer = httpx.request(method, f"{self.url}/_standin/{path}", json=body, timeout=SECONDS, verify=False)
        if answer.is_error:
            raise ValueError(answer.text)
        return answer.json()


def _pairs(pieces: Pieces) -> list[list[Any]]:
    return [[key if isinstance(key, str) else list(key), number] for key, number in pieces.items()]
