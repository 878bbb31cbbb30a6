"""The words of the Etsy part: what a person is told of a job, in the terminal and in Slack.

What belongs here: pure functions from a job and its numbers to lines and payloads. What does not: the look of the
terminal (cli/etsy.py) and sending (core/slack.py).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from awin_medusa_pipeline.core.messages import Payload, plain_message

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
    def lines(self) -> list[str]:
        """Counts, fees, what is refused, what is worth knowing, and how to go on."""
        done = [f"{self.counts[action]:,} {words}" for action, words in ACTIONS.items() if self.counts[action]]
        fees = f"Listing fees: at most {self.fees} USD." if self.fees else "No listing fee: nothing is published."
        return [
            ", ".join(done) + ".",
            fees,
            *shortened("Refused: ", self.refused),
            *shortened("", self.notes),
            f"Confirm it until {time_text(self.expires_at)}: {command('confirm', self.transaction_id)}",
            f"To drop it: {command('reject', self.transaction_id)}",
        ]

    @property
    def message(self) -> Payload:
        """For Slack."""
        return plain_message(":raised_hand:", self.title, self.lines)


def command(what: str, transaction_id: str) -> str:
    """What to type."""
    return f"awin-medusa etsy {what} {transaction_id}"


def time_text(time: datetime) -> str:
    """`2026-11-21 14:05 UTC`."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def outcome_text(outcomes: Iterable[str]) -> str:
    """`3 synced, 1 failed`."""
    numbers = Counter(map(str, outcomes))
    return ", ".join(f"{numbers[name]:,} {name}" for name in OUTCOMES if numbers[name]) or "nothing to do"


def started_message(shop: str, transaction_id: str, number: int, *, attempt: int, url: str) -> Payload:
    """A run has taken a job."""
    again = f", try {attempt}" if attempt > 1 else ""
    return plain_message(
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
) -> Payload:
    """How a job ended. `failures`: title and reason of each; `stopped`: why it ended early."""
    title = f"Etsy shop {shop}: {outcome_text(outcomes)}"
    lines = [f"Job {transaction_id}.", *([f"It was stopped: {stopped}"] if stopped else []), *shortened("", failures)]
    if failures or stopped:
        lines.append(f"To try those that failed once more: {command('retry', transaction_id)}")
        return plain_message(":warning:", title, lines, url=url)
    return plain_message(":white_check_mark:", title, lines, url=url)


def refused_message(shop: str, refused: Sequence[str]) -> Payload:
    """Products that are on Etsy in an old form, since Etsy would refuse the new one."""
    title = f"Etsy shop {shop}: {_products(len(refused))} changed, and Etsy would refuse the change"
    return plain_message(":warning:", title, shortened("", refused))


def expired_message(shop: str, transaction_id: str, number: int) -> Payload:
    """Nobody confirmed a job in time."""
    lines = [f"Nobody confirmed the job {transaction_id} in time, so {_products(number)} stay as they were."]
    return plain_message(":zzz:", f"Etsy shop {shop}: confirmation timed out", [*lines, "Request it again."])


def died_message(shop: str, transaction_id: str, reason: str) -> Payload:
    """A run ended without ending its job."""
    lines = [reason, f"What was done is kept. To go on: {command('retry', transaction_id)}"]
    return plain_message(":warning:", f"Etsy shop {shop}: the run of the job {transaction_id} died", lines)


def shortened(prefix: str, lines: Sequence[str]) -> list[str]:
    """The first ten, and how many more."""
    more = len(lines) - SHOWN
    return [*(f"{prefix}{line}" for line in lines[:SHOWN]), *([f"{prefix}... and {more:,} more"] if more > 0 else [])]


def _products(number: int) -> str:
    return f"{number:,} product{'' if number == 1 else 's'}"
