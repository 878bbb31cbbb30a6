"""Answers of a strange shape, and every way to spoil one part of a sound answer."""

import copy
import json
from collections.abc import Iterator
from typing import Any

HTML = b"<!doctype html><html><body>Welcome to nginx!</body></html>"
DEEP = b"[" * 200_000
SHAPES: dict[str, bytes] = {
    "object": b"{}",
    "list": b"[]",
    "null": b"null",
    "true": b"true",
    "number": b"4711",
    "text": b'"ok"',
    "empty": b"",
    "page": HTML,
    "cut off": b'{"products": [{"id": "prod_1", "tit',
    "two documents": b"{}{}",
    "list of nulls": b"[null, null]",
    "not a number": b'{"count": NaN, "products": [], "results": [], "expires_in": Infinity}',
    "nested without end": b'{"a": ' * 100_000,
    "10 MB of lists": b'{"products": ' + b"[" * 5_000_000 + b"]" * 5_000_000 + b"}",
    "not text": b"\xff\xfe\x00\x01",
    "huge number": b'{"count": 1' + b"0" * 5_000 + b', "products": []}',
}
VALUES: tuple[Any, ...] = (None, {}, [], [None], [[]], "text", "", 0, -1, 1.5, True, 10**30, "9" * 40, {"id": None})
"""What may stand where something else belongs."""


def spoilt(answer: Any) -> Iterator[tuple[str, bytes]]:
    """Yield where one part of an answer was taken out or replaced, and the whole of it as it is sent."""
    for path in paths(answer):
        for value in ("missing", *VALUES):
            changed = copy.deepcopy(answer)
            place = changed
            for step in path[:-1]:
                place = place[step]
            if value == "missing":
                del place[path[-1]]
            else:
                place[path[-1]] = value
            yield f"{'.'.join(map(str, path))}: {str(value)[:20]}", json.dumps(changed).encode()


def paths(answer: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where the parts of an answer are."""
    parts = answer.items() if isinstance(answer, dict) else enumerate(answer) if isinstance(answer, list) else ()
    for name, part in parts:
        yield (*above, name)
        yield from paths(part, (*above, name))
