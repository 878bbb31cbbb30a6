"""Checks errors as a person at a command line reads them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from awin_medusa_pipeline.core.errors import PipelineError
from awin_medusa_pipeline.remedies import sentence

E = TypeVar("E", bound=PipelineError)


@contextmanager
def raises_sentence(kind: type[E], match: str) -> Iterator[pytest.ExceptionInfo[E]]:
    """Expect an error whose sentence, with the command that helps, matches."""
    with pytest.raises(kind) as caught:
        yield caught
    full = sentence(caught.value)
    assert re.search(match, full), full
