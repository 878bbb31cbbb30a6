"""Defines the package's errors: PipelineError, and its permanent and transient kinds."""

from enum import StrEnum

from awin_medusa_pipeline.core.hidden import without_secrets


class Action(StrEnum):
    """Something that a person can do; the command line or the console shows how."""

    APPROVE_PLAN = "approve_plan"
    REJECT_PLAN = "reject_plan"
    KEEP_VALUE = "keep_value"
    LIST_PLANS = "list_plans"
    REQUEST_ETSY_JOB = "request_etsy_job"
    OFFER_BOOKED_PIECES = "offer_booked_pieces"
    LIST_ETSY_JOBS = "list_etsy_jobs"
    SHOW_ETSY_JOB = "show_etsy_job"
    CONFIRM_ETSY_JOB = "confirm_etsy_job"
    REJECT_ETSY_JOB = "reject_etsy_job"
    RETRY_ETSY_JOB = "retry_etsy_job"
    CONNECT_ETSY = "connect_etsy"
    CONNECT_ETSY_SALES = "connect_etsy_sales"
    LIST_ETSY_SALES = "list_etsy_sales"
    CHANGE_ETSY_SETTINGS = "change_etsy_settings"
    MAKE_CONSOLE_LINK = "make_console_link"
    MAKE_SECRET_KEY = "make_secret_key"
    ACCEPT_SMALLER_FEED = "accept_smaller_feed"
    SEND_TEST_MESSAGE = "send_test_message"
    START_UI = "start_ui"
    SYNC = "sync"
    UNDO = "undo"
    TAKE_ANOTHER_PORT = "take_another_port"


class PipelineError(Exception):
    """What was tried, what came back, what to do: a sentence for a shop owner, free of secrets.

    `code`: a stable name to look up, where there is one. `action`: what helps, done to `target` (a plan's hash, a job's
    id); `to_do` then reads well before a colon and the command or link.
    """

    def __init__(
        self,
        tried: str,
        came_back: str,
        to_do: str,
        *,
        status: int | None = None,
        code: str = "",
        action: Action | None = None,
        target: str = "",
    ) -> None:
        self.tried, self.came_back, self.to_do = map(without_secrets, (tried, came_back, to_do))
        super().__init__(self.tried, self.came_back, self.to_do)
        self.status, self.code, self.action, self.target = status, code, action, target

    def sentence(self, how: str = "") -> str:
        """The whole text; `how`: the command or link that carries out the action."""
        to_do = f"{self.to_do.rstrip('.')}: {how}." if how else self.to_do
        return f"{self.tried}: {self.came_back}. {to_do}" + (f" [{self.code}]" if self.code else "")

    def __str__(self) -> str:
        """The sentence without `how`."""
        return self.sentence()


class PermanentError(PipelineError):
    """The same call would fail again."""


class TransientError(PipelineError):
    """The call was not carried out, and may succeed later."""

    def __init__(
        self, tried: str, came_back: str, to_do: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(tried, came_back, to_do, status=status)
        self.retry_after = retry_after


class StorageError(PermanentError):
    """A file or folder that the operating system does not let us use."""


class StoreError(PipelineError):
    """The state store cannot be used."""
