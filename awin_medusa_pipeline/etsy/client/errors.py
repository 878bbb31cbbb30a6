"""Reads Etsy's refusals into one sentence of Etsy's own words, and defines the errors that only Etsy has."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import httpx

from awin_medusa_pipeline.core.errors import PermanentError, PipelineError
from awin_medusa_pipeline.core.hidden import redact
from awin_medusa_pipeline.core.http import json_of

_LONGEST_MESSAGE = 500
_DEEPEST = 10
_MESSAGE_KEYS = ("error", "error_description", "message")


class NotFoundError(PermanentError):
    """Etsy says that there is no such thing: a 404 in Etsy's words, not one of a gateway or a wrong address."""


class DailyBudgetError(PipelineError):
    """The calls of the day are used up, or the rest is reserved for lowering stock. Nothing was carried out.

    `resumes_at`: aware UTC, when calls are worth trying again. Etsy's day is a rolling one (24 h).
    """

    def __init__(self, tried: str, came_back: str, resumes_at: datetime) -> None:
        super().__init__(tried, came_back, f"Run it again after {resumes_at:%Y-%m-%d %H:%M} UTC.", status=429)
        self.resumes_at = resumes_at


def came_back(response: httpx.Response, secrets: Iterable[str]) -> str:
    """Join status, Etsy's words and Etsy's request number, free of `secrets`; without a full stop."""
    text = f"HTTP {response.status_code} {words(response)}".rstrip(" .")
    if number := response.headers.get("x-etsy-request-uuid"):
        text += f" (Etsy's number of the request: {number})"
    return redact(text, secrets)


def error_code(response: httpx.Response) -> str:
    """Return the OAuth code of an error, as in {"error": "invalid_token", ...}; "" where there is none."""
    body = json_of(response)
    return body["error"] if isinstance(body, dict) and isinstance(body.get("error"), str) else ""


def lacks_scope(response: httpx.Response) -> bool:
    """Whether the token was not given a scope: Etsy says so with 401 or 403, and a new token would not help."""
    return error_code(response) == "insufficient_scope" or "requires scope:" in words(response)


def words(response: httpx.Response) -> str:
    """Return Etsy's sentence; "" for an empty answer or a gateway's page."""
    return "; ".join(dict.fromkeys(_sentences(json_of(response))))[:_LONGEST_MESSAGE]


def _sentences(body: Any, depth: int = 0) -> Iterator[str]:
    """Read {"error", "error_description"}, [{"path", "type", "message"}], and {"0": {"path", "message"}}."""
    if depth > _DEEPEST:
        return
    if isinstance(body, str):
        yield body.strip(" .")
    elif isinstance(body, list):
        for part in body:
            yield from _sentences(part, depth + 1)
    elif isinstance(body, dict):
        said = [part for key in _MESSAGE_KEYS for part in _sentences(body.get(key), depth + 1)]
        path = str(body.get("path") or "").strip("/")
        if said:
            yield f"{path}: {': '.join(said)}" if path else ": ".join(said)
        else:
            yield from _sentences(list(body.values()), depth + 1)
