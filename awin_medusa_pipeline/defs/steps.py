"""Makes assets and ops whose failures open on one sentence: every step of the project is made here.

A stack trace is no use to a shop owner, so our own errors are passed on without it; any other error keeps its own.
"""

import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

import dagster as dg
from dagster._core.errors import DagsterUserCodeProcessError
from dagster._utils.error import SerializableErrorInfo  # type: ignore[attr-defined]

from awin_medusa_pipeline.core.disk import of_disk
from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.core.hidden import without_secrets
from awin_medusa_pipeline.defs.tags import tag_run
from awin_medusa_pipeline.remedies import sentence as full_sentence

Body = TypeVar("Body", bound=Callable[..., Any])


class StepError(DagsterUserCodeProcessError, dg.Failure):
    """A failure that Dagster records as its sentence alone; it retries none.

    Dagster takes the words of such an error as they are, as if another process had raised it; of every other error it
    keeps the stack.
    """

    def __init__(self, sentence: str, metadata: dict[str, Any] | None = None) -> None:
        dg.Failure.__init__(self, sentence, metadata=metadata, allow_retries=False)
        self.user_code_process_error_infos = [SerializableErrorInfo(sentence, [], cls_name=None)]


@contextmanager
def as_failure() -> Iterator[None]:
    """Raise StepError for our errors, with the command that helps."""
    try:
        yield
    except PipelineError as error:
        raise StepError(full_sentence(error)) from None
    except Exception as error:
        if told := of_disk(error):
            raise StepError(full_sentence(told)) from None
        # Dagster keeps the trace of a bug with all its words.
        trace = "".join(traceback.format_exception(error))
        if (shown := without_secrets(trace)) != trace:
            raise StepError(shown) from None
        raise


def told(body: Body) -> Body:
    """Wrap the function of a step, so that our errors fail it with their sentence."""
    if inspect.isgeneratorfunction(body):

        @wraps(body)
        def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with as_failure():
                yield from body(*args, **kwargs)

        return cast(Body, generate)

    @wraps(body)
    def run(*args: Any, **kwargs: Any) -> Any:
        with as_failure():
            return body(*args, **kwargs)

    return cast(Body, run)


def asset(**settings: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Make an asset; `settings` as for dg.asset."""
    return lambda body: dg.asset(**settings)(told(body))


def multi_asset(**settings: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Make several assets of one step; `settings` as for dg.multi_asset."""
    return lambda body: dg.multi_asset(**settings)(told(body))


def op(**settings: Any) -> Callable[[Callable[..., Any]], dg.OpDefinition]:
    """Make an op that tags its run with what started it; `settings` as for dg.op."""

    def make(body: Callable[..., Any]) -> dg.OpDefinition:
        @wraps(body)
        def run(context: dg.OpExecutionContext, *args: Any, **kwargs: Any) -> Any:
            tag_run(context.instance, context.run, {})
            return body(context, *args, **kwargs)

        made: dg.OpDefinition = dg.op(**settings)(told(run))
        return made

    return make
