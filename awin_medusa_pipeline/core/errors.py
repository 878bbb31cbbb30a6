"""The two families of failure: what a repetition may cure and what it never will.

What belongs here: errors without any transport, so that the pure domain may raise them too. What does not: how a remote
system's answer becomes one of them (http.py and the clients).
"""


class RemoteError(Exception):
    """Something from outside that failed: what was tried, what came back, what to do."""

    def __init__(self, tried: str, came_back: str, to_do: str, *, status: int | None = None) -> None:
        super().__init__(f"{tried}: {came_back}. {to_do}")
        self.tried, self.came_back, self.to_do, self.status = tried, came_back, to_do, status


class PermanentError(RemoteError):
    """The same call would fail again."""


class TransientError(RemoteError):
    """The same call may succeed later, and it was not carried out."""

    def __init__(self, *text: str, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(*text, status=status)
        self.retry_after = retry_after
