"""Makes every log line of this process legible and free of secrets, whoever logs it and wherever it goes."""

import logging
import traceback
from typing import Any

from awin_medusa_pipeline.core.hidden import without_secrets
from awin_medusa_pipeline.core.legible import legible

LONGEST = 20_000
"""Characters of one message or trace."""


class SafeRecord(logging.LogRecord):
    """A record whose text was made legible: a feed or a shop may have written a part of it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if isinstance(self.exc_info, tuple) and self.exc_info[0] is not None:
            # A formatter takes this text instead of making it itself.
            self.exc_text = _safe("".join(traceback.format_exception(*self.exc_info)).rstrip("\n"))

    def getMessage(self) -> str:  # noqa: N802
        """The message, with its arguments."""
        return _safe(super().getMessage())


def make_logs_safe() -> None:
    """Make all records of this process safe ones, from now on."""
    logging.setLogRecordFactory(SafeRecord)


def _safe(text: str) -> str:
    return legible(without_secrets(text), lines=True, longest=LONGEST)
