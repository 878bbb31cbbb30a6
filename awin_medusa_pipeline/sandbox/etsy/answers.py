"""Builds HTTP answers, including refusals in Etsy's shapes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

JSON = "application/json"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """A fault in a request.

    Without a `path` Etsy answers `text` as a sentence; with one, it answers path, type and message as a JSON object.
    """

    text: str
    path: str = ""
    type: str = ""
    status: int = HTTPStatus.BAD_REQUEST


class RefusedError(Exception):
    """The request is not carried out, for the reason in `answer`."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode())
        self.answer = answer


def as_json(body: Any, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Answer:
    """Build an answer with a JSON body."""
    return Answer(status, json.dumps(body).encode(), headers=headers or {})


def refusal(status: int, error: str, description: str = "", headers: Mapping[str, str] | None = None) -> RefusedError:
    """Build a refusal as one sentence, or as an OAuth code with its description."""
    body = {"error": error, **({"error_description": description} if description else {})}
    return RefusedError(as_json(body, status, headers))


def check(problems: Sequence[Problem]) -> None:
    """Raise RefusedError in Etsy's shape if there are problems.

    The shape is a sentence or, for problems with a path, an array of one or an object with numbers as keys (both seen
    from Etsy).
    """
    if not problems:
        return
    first = problems[0]
    if not first.path:
        raise refusal(first.status, first.text)
    parts = [{"path": p.path, "type": p.type, "message": p.text} for p in problems if p.path]
    body = parts if len(parts) == 1 else {str(number): part for number, part in enumerate(parts)}
    raise RefusedError(as_json(body, first.status))
