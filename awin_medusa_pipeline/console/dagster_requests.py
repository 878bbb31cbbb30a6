"""Signs what a person does in Dagster's UI with their name, and keeps it with the other decisions.

Dagster itself knows no users: without this nobody could say who has launched a run there.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from awin_medusa_pipeline.console.door import TooLargeError, client_address, problem
from awin_medusa_pipeline.core.store.audit import Audit, Who

USER_TAG = "user"
"""Tag that Dagster's pages and defs/tags.py take the name from."""
NAMES = ("jobName", "pipelineName", "scheduleName", "sensorName", "runId", "parentRunId", "name")
"""Fields of a mutation's variables that say what it is about, the most telling first."""


@dataclass(frozen=True)
class SignedRequests:
    """An ASGI application in front of Dagster's web server."""

    ui: ASGIApp
    audit: Audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; a mutation is signed and kept first."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.ui(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            body = await request.body()
        except TooLargeError as error:
            await problem(413, error.detail, "Launch with a shorter config.")(scope, receive, send)
            return
        if (asked := _mutation(body)) is not None:
            name = scope["state"]["visitor"].name
            who = Who(name, "dagster", client_address(request))
            action = f"Dagster: {asked.get('operationName') or 'mutation'}"
            await run_in_threadpool(self.audit.record, who, action, about(asked.get("variables") or {}))
            sign(asked, name)
            body = json.dumps(asked).encode()
        headers = MutableHeaders(scope=scope)
        headers["content-length"] = str(len(body))
        await self.ui(scope, _replay(body), send)


def _mutation(body: bytes) -> dict[str, Any] | None:
    """The request, if it is a mutation."""
    try:
        asked = json.loads(body)
        document = parse(asked["query"])
    except (ValueError, KeyError, TypeError, GraphQLError):
        return None
    kinds = {one.operation for one in document.definitions if isinstance(one, OperationDefinitionNode)}
    return asked if OperationType.MUTATION in kinds else None


def sign(value: Any, name: str) -> None:
    """Put the name on every launch among the variables, in the place of a name that the request claims."""
    for found in _mappings(value):
        if isinstance(metadata := found.get("executionMetadata"), dict):
            others = [tag for tag in metadata.get("tags") or [] if tag.get("key") != USER_TAG]
            metadata["tags"] = [*others, {"key": USER_TAG, "value": name}]


def about(variables: Mapping[str, Any]) -> str:
    """What a mutation is about: a job, a schedule or a run; "" where it names none."""
    named = {
        key: str(value) for found in _mappings(variables) for key, value in found.items() if isinstance(value, str)
    }
    return next((named[name] for name in NAMES if named.get(name)), "")


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _mappings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _mappings(inner)


def _replay(body: bytes) -> Receive:
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
