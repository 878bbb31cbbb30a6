"""Answers errors: a page for people, RFC 9457 for programs; each says what is wrong and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from awin_medusa_pipeline.console.below import within_shop
from awin_medusa_pipeline.console.door import API, problem
from awin_medusa_pipeline.console.pages import page
from awin_medusa_pipeline.console.surroundings import ForbiddenError, NotSentByFormError
from awin_medusa_pipeline.core.errors import PipelineError, StoreError, TransientError
from awin_medusa_pipeline.etsy.store.jobs import EtsyJobError
from awin_medusa_pipeline.sync.store.held_plans import PlanError

STATUS: dict[type[PipelineError], int] = {PlanError: 409, EtsyJobError: 409, StoreError: 503, TransientError: 503}
"""An error of ours that is none of these: what was asked for cannot be done as it stands (422)."""


class NotFoundError(Exception):
    """There is no such thing; the cause is the sentence."""


@contextmanager
def not_found() -> Iterator[None]:
    """Answer 404 where looking something up fails."""
    try:
        yield
    except (TransientError, StoreError):
        raise
    except PipelineError as error:
        raise NotFoundError(str(error)) from error


def add_handlers(api: FastAPI) -> None:
    """Answer every error in a sentence."""
    api.add_exception_handler(PipelineError, _of_pipeline)
    api.add_exception_handler(NotFoundError, _not_found)
    api.add_exception_handler(ForbiddenError, _forbidden)
    api.add_exception_handler(NotSentByFormError, _not_sent_by_form)
    api.add_exception_handler(RequestValidationError, _not_valid)
    api.add_exception_handler(HTTPException, _of_http)


def answer(request: Request, status: int, title: str, to_do: str, code: str) -> Response:
    """Answer in the form that fits who asks."""
    if within_shop(request.url.path).startswith(API):
        return problem(status, title, to_do, code)
    return page(request, "error.html", status=status, title=title, to_do=to_do, code=code)


def _of_pipeline(request: Request, error: Exception) -> Response:
    assert isinstance(error, PipelineError)
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 422)
    return answer(request, status, f"{error.tried}: {error.came_back}.", error.to_do, error.code or _code(error))


def _code(error: PipelineError) -> str:
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _not_found(request: Request, error: Exception) -> Response:
    cause = error.__cause__
    if isinstance(cause, PipelineError):
        return answer(request, 404, f"{cause.tried}: {cause.came_back}.", cause.to_do, "not_found")
    return answer(request, 404, str(error), "Look at the list.", "not_found")


def _forbidden(request: Request, error: Exception) -> Response:
    to_do = "Make a token that may decide, in the console under Settings."
    return answer(request, 403, "This token may only read.", to_do, "may_only_read")


def _not_sent_by_form(request: Request, error: Exception) -> Response:
    to_do = "Load the page again, and do it there once more."
    return answer(request, 403, "No page of this session has sent this.", to_do, "not_sent_by_form")


def _not_valid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return answer(request, 400, "The body is not JSON.", "Send JSON as the API page describes it.", "not_json")
    named = "; ".join(f"{'.'.join(map(str, fault['loc'][1:])) or 'body'}: {fault['msg']}" for fault in faults[:5])
    return answer(request, 422, f"The request does not fit: {named}.", "Compare it with the API page.", "not_valid")


def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = "There is no such page." if error.status_code == 404 else f"{error.detail}."
    return answer(request, error.status_code, title, "Look at what the API page or the menu offers.", "http")
