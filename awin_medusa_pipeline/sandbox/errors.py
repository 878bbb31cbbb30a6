"""Defines the sandbox's error."""

from awin_medusa_pipeline.core.http import PermanentError


class SandboxError(PermanentError):
    """The sandbox could not do what was asked. Says what was tried, what came back and what to do."""
