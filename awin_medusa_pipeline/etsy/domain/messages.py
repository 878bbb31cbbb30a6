"""Builds the messages about Etsy jobs, for the terminal and for Slack."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.messages import Hint, Line, Message

SHOWN = 10
ACTIONS = {
    "create": "to create",
    "update": "to update",
    "deactivate": "to take out of sale",
    "nothing": "unchanged",
    "publish": "to publish",
}
OUTCOMES = ("synced", "unchanged", "failed", "refused", "dismissed", "pending")


@dataclass(frozen=True)
class Request:
    """A job that waits for a confirmation, and what it would do."""

    shop: str
    transaction_id: str
    expires_at: datetime
    counts: Mapping[str, int]
    """By action, and `publish`."""
    fees: Decimal
    """USD, at most."""
    refused: Sequence[str] = ()
    """Title and reason of each product that is no part of the job."""
    notes: Sequence[str] = ()

    @property
    def title(self) -> str:
        """In one line."""
        number = sum(self.counts[action] for action in ACTIONS if action != "publish")
        return f"Etsy shop {self.shop}: {_products(number)} for your confirmation"

    @property
    def lines(self) -> list[Line]:
        """Counts, fees, what is refused, what is worth knowing, and how to go on."""
        done = [f"{self.counts[action]:,} {words}" for action, words in ACTIONS.items() if self.counts[action]]
        fees = f"Listing fees: at most {self.fees} USD." if self.fees else "No listing fee: nothing is published."
        return [
            ", ".join(done) + ".",
            fees,
            *shortened("Refused: ", self.refused),
            *shortened("", self.notes),
            Hint(f"Confirm it until {time_text(self.expires_at)}", Action.CONFIRM_ETSY_JOB, self.transaction_id),
            Hint("To drop it", Action.REJECT_ETSY_JOB, self.transaction_id),
        ]

    @property
    def message(self) -> Message:
        """For Slack."""
        return Message(":raised_hand:", self.title, self.lines)


def time_text(time: datetime) -> str:
    """`2026-11-21 14:05 UTC`."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def outcome_text(outcomes: Iterable[str]) -> str:
    """`3 synced, 1 failed`."""
    numbers = Counter(map(str, outcomes))
    return ", ".join(f"{numbers[name]:,} {name}" for name in OUTCOMES if numbers[name]) or "nothing to do"


def started_message(shop: str, transaction_id: str, number: int, *, attempt: int, url: str) -> Message:
    """A run has taken a job."""
    again = f", try {attempt}" if attempt > 1 else ""
    return Message(
        ":hourglass_flowing_sand:",
        f"Etsy shop {shop}: {_products(number)} on the way{again}",
        [f"Job {transaction_id}."],
        url=url,
    )


def finished_message(
    shop: str,
    transaction_id: str,
    outcomes: Iterable[str],
    *,
    failures: Sequence[str] = (),
    stopped: str | None = None,
    url: str,
) -> Message:
    """How a job ended. `failures`: title and reason of each; `stopped`: why it ended early."""
    title = f"Etsy shop {shop}: {outcome_text(outcomes)}"
    said = [f"Job {transaction_id}.", *([f"It was stopped: {stopped}"] if stopped else []), *shortened("", failures)]
    lines: list[Line] = [*said]
    if failures or stopped:
        lines.append(retry_hint(transaction_id))
        return Message(":warning:", title, lines, url=url)
    return Message(":white_check_mark:", title, lines, url=url)


def retry_hint(transaction_id: str) -> Hint:
    """How to go on with the products of a job that failed."""
    return Hint("To try those that failed once more", Action.RETRY_ETSY_JOB, transaction_id)


def refused_message(shop: str, refused: Sequence[str]) -> Message:
    """Products that are on Etsy in an old form, since Etsy would refuse the new one."""
    title = f"Etsy shop {shop}: {_products(len(refused))} changed, and Etsy would refuse the change"
    return Message(":warning:", title, shortened("", refused))


def expired_message(shop: str, transaction_id: str, number: int) -> Message:
    """Nobody confirmed a job in time."""
    lines = [f"Nobody confirmed the job {transaction_id} in time, so {_products(number)} stay as they were."]
    return Message(":zzz:", f"Etsy shop {shop}: confirmation timed out", [*lines, "Request it again."])


def died_message(shop: str, transaction_id: str, reason: str) -> Message:
    """A run ended without ending its job."""
    lines: list[Line] = [reason, Hint("What was done is kept. To go on", Action.RETRY_ETSY_JOB, transaction_id)]
    return Message(":warning:", f"Etsy shop {shop}: the run of the job {transaction_id} died", lines)


def shortened(prefix: str, lines: Sequence[str]) -> list[str]:
    """The first ten, and how many more."""
    more = len(lines) - SHOWN
    return [*(f"{prefix}{line}" for line in lines[:SHOWN]), *([f"{prefix}... and {more:,} more"] if more > 0 else [])]


def _products(number: int) -> str:
    return f"{number:,} product{'' if number == 1 else 's'}"
