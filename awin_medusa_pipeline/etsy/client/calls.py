"""Sends one call to Etsy: headers, its turn in the budget, retries, and failures as our errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from awin_medusa_pipeline.core.http import (
    Backoff,
    PermanentError,
    PipelineError,
    TransientError,
    UnknownOutcomeError,
    retry_after_seconds,
    send,
)
from awin_medusa_pipeline.etsy.client.budget import EtsyBudget
from awin_medusa_pipeline.etsy.client.errors import NotFoundError, came_back, lacks_scope, words
from awin_medusa_pipeline.etsy.domain.tokens import MissingScopeError, NotConnectedError, TokenSource

T = TypeVar("T")

_CHECK_APP = (
    "Check ETSY_KEYSTRING and ETSY_SHARED_SECRET, that the app is not suspended, and that the connected account owns "
    "the shop."
)
_WAIT = "The fault is at Etsy: wait and run it again."
_TO_DO = {
    403: _CHECK_APP,
    404: "Check ETSY_API_URL.",
    409: "Look at the listing on Etsy: its state does not allow this.",
    413: "Use a smaller image.",
}
_CORRECT = "Correct what Etsy names, in the product or in the account's defaults, then try again."


@dataclass(frozen=True)
class EtsyCalls:
    """Sends the calls of EtsyClient. `urgent`: they may use the reserve of the day."""

    client: httpx.Client
    tokens: TokenSource
    budget: EtsyBudget
    backoff: Backoff
    secrets: Sequence[str] = field(repr=False)
    urgent: bool = False

    def call(self, answer: type[T], method: str, path: str, *, once: bool = False, **options: Any) -> T:
        """Send a request of `client`'s options (params, data, json, files) and read its answer as `answer`.

        `once`: a retry would do it a second time, so it is sent again only when Etsy cannot have carried it out; when
        that is unknown, UnknownOutcomeError is raised. Also raises NotConnectedError, NotFoundError, DailyBudgetError,
        PermanentError, and TransientError when the attempts are used up.
        """
        tried = f"{method} {path} at Etsy"

        def attempt() -> T:
            token = self.tokens.access_token()
            response = self._send(token, tried, once, method, path, options)
            if response.status_code == 401 and not lacks_scope(response):
                token = self.tokens.refreshed(token)
                response = self._send(token, tried, once, method, path, options)
            if not response.is_success:
                raise self._error(response, tried, once, token, method)
            return _read(answer, response, tried, once)

        return self.backoff.retrying(repeat_unknown=not once, one_server=True)(attempt)

    def _send(
        self, token: str, tried: str, once: bool, method: str, path: str, options: Mapping[str, Any]
    ) -> httpx.Response:
        self.backoff.wait_for_turn()
        self.budget.take(tried, urgent=self.urgent)
        headers = {"authorization": f"Bearer {token}"}
        response = send(self.client, method, path, tried=tried, writes=once, headers=headers, **options)
        self.budget.read_limits(response)
        return response

    def _error(self, response: httpx.Response, tried: str, once: bool, token: str, method: str) -> PipelineError:
        status, said = response.status_code, came_back(response, [*self.secrets, token])
        if status == 429:
            wait = retry_after_seconds(response)
            return self.budget.daily_error(response, tried) or TransientError(
                tried, said, "Wait and run it again.", status=status, retry_after=wait
            )
        if lacks_scope(response):
            return MissingScopeError(tried, said, status=status)
        if status == 401:
            return NotConnectedError(tried, said, status=status)
        if status == 409 and method == "PUT":
            # Somebody else writes it at this moment; a full replacement may be sent again.
            return TransientError(tried, said, "Somebody else changes the listing: run it again.", status=status)
        if status >= 500 or status in (408, 425):
            return (UnknownOutcomeError if once else TransientError)(tried, said, _WAIT, status=status)
        if status == 404 and words(response):
            return NotFoundError(tried, said, "Look whether it was deleted on Etsy.", status=status)
        return PermanentError(tried, said, _TO_DO.get(status, _CORRECT), status=status)


def _read(answer: type[T], response: httpx.Response, tried: str, once: bool) -> T:
    try:
        return TypeAdapter(answer).validate_json(response.content)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)[:5])
        kind = UnknownOutcomeError if once else PermanentError
        raise kind(
            tried,
            f"HTTP {response.status_code} with an answer that is not Etsy's ({fields or 'not JSON'})",
            "Check ETSY_API_URL; if it is right, Etsy has changed its API.",
            status=response.status_code,
        ) from None
