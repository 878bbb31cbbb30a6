"""The one error of the sandbox. What does not belong here: deciding when it is raised."""

from awin_medusa_pipeline.core.http import PermanentError


class SandboxError(PermanentError):
    """The sandbox could not do what was asked: what was tried, what came back, what to do."""
