"""Checks requests against Etsy's own OpenAPI file, where a copy of it lies beside the project.

The file states the calls, their parameters, kinds of body, fields and values; the stand-in (sandbox/etsy/) knows more.
"""

import functools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from awin_medusa_pipeline.sandbox.etsy.state import Call
from awin_medusa_pipeline.settings import PROJECT_ROOT

FILE = PROJECT_ROOT.parent / "shared" / "etsy" / "openapi-subset.json"
ABSENT = f"Etsy's OpenAPI file is not at {FILE.relative_to(PROJECT_ROOT.parent)}, beside the project"
NOT_IN_FILE = re.compile(r"/v3/public/oauth/token|/v3/application/shops/[0-9]+/receipts(/[0-9]+)?")
"""Etsy's file has no token endpoint, and the copy of it no receipts."""

Json = dict[str, Any]
Pairs = Sequence[Sequence[Any]]


@dataclass(frozen=True)
class EtsySpec:
    """Etsy's operations: method, path with {names}, and the operation's entry in the file."""

    operations: tuple[tuple[str, str, Json], ...]

    def faults(self, method: str, path: str, query: Pairs, content_type: str, body: Any) -> Iterator[str]:
        """What is wrong with a request. `query`, and `body` of a form: pairs as sent; `body` of JSON: as it is."""
        if NOT_IN_FILE.fullmatch(path):
            return
        found = [entry for verb, known, entry in self.operations if verb == method and _fits(known, path)]
        if not found:
            yield "there is no such operation"
            return
        (operation,) = found
        parameters = [entry for entry in operation.get("parameters", []) if entry["in"] == "query"]
        schema = {
            "properties": {entry["name"]: entry["schema"] for entry in parameters},
            "required": [entry["name"] for entry in parameters if entry.get("required")],
        }
        yield from _faults(schema, query, "query")
        content = operation.get("requestBody", {}).get("content", {})
        if content_type not in (content or {"": None}):
            yield f"a body of {content_type or 'no kind'}, not of {' or '.join(content) or 'no kind'}"
        elif content_type == "application/json":
            yield from _told(content[content_type]["schema"], body, "body")
        elif content_type:
            yield from _faults(content[content_type]["schema"], body, "body")


def wrong(calls: Iterable[Call]) -> list[str]:
    """What Etsy's file finds wrong with calls of a stand-in's log; nothing where the file is absent."""
    spec = load()
    if spec is None:
        return []
    return [
        f"{call.method} {call.path}: {fault}"
        for call in calls
        for fault in spec.faults(call.method, call.path, call.query, call.content_type, call.body)
    ]


@functools.cache
def load() -> EtsySpec | None:
    """Etsy's file; None where it is absent."""
    if not FILE.exists():
        return None
    paths = json.loads(FILE.read_text(encoding="utf-8"))["paths"]
    return EtsySpec(
        tuple((verb.upper(), path, entry) for path, verbs in paths.items() for verb, entry in verbs.items())
    )


def _fits(known: str, path: str) -> bool:
    return bool(re.fullmatch(re.sub(r"{\w+}", "[1-9][0-9]*", known), path))


def _faults(schema: Json, pairs: Pairs, where: str) -> Iterator[str]:
    """Of names and texts: Etsy takes an array as one value with commas, so no name comes twice."""
    names = [pair[0] for pair in pairs]
    yield from (f"{where}: {name} comes twice" for name in sorted({name for name in names if names.count(name) > 1}))
    known = schema["properties"]
    yield from _told(schema, {name: _value(text, known.get(name, {})) for name, text, *_ in pairs}, where)


def _value(text: str, schema: Json) -> Any:
    """The value that a text stands for; the text itself when it stands for none of the schema's kind."""
    match schema.get("type"):
        case "array":
            return [_value(part, schema["items"]) for part in text.split(",")] if text else []
        case "boolean":
            return {"true": True, "false": False}.get(text, text)
        case "integer" if re.fullmatch(r"-?[0-9]+", text):
            return int(text)
        case "number" if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
            return float(text)
    return text


def _told(schema: Json, value: Any, where: str) -> Iterator[str]:
    for error in Draft202012Validator(strict({"type": "object", **schema})).iter_errors(value):
        yield f"{where}: {'.'.join(map(str, error.path)) or 'it'}: {error.message}"


def strict(schema: Any) -> Any:
    """Turn OpenAPI 3.0 into JSON Schema, which has no `nullable`; fields that are not named are not allowed."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(part) for key, part in schema.items()}
    if isinstance(found.get("properties"), dict) and isinstance(found.get("type", "object"), str):
        found["additionalProperties"] = False
    if found.pop("nullable", False) is True:
        if "type" not in found:
            return {"anyOf": [found, {"type": "null"}]}
        found["type"] = [found["type"], "null"]
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    return found
