"""Builds the messages about Etsy jobs, for the terminal and for Slack."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from awin_medusa_pipeline.core.errors import Action, PipelineError
from awin_medusa_pipeline.core.messages import Hint, Line, Message
from awin_medusa_pipeline.etsy.domain.plan import PlanCounts

SHOWN = 10
OUTCOMES = ("synced", "unchanged", "failed", "refused", "dismissed", "pending")


@dataclass(frozen=True)
class ConfirmationRequest:
    """A job that waits for a confirmation, and what it would do."""

    shop: str
    transaction_id: str
    expires_at: datetime
    counts: PlanCounts
    fees: Decimal
    """The most that Etsy may charge, in USD."""
    refused: Sequence[str] = ()
    """Title and reason of each product that Etsy would refuse; they are not part of the job."""
    notes: Sequence[str] = ()
    pieces_went: int = 0
    """Pieces that went on Etsy and that Medusa does not know of."""

    @property
    def title(self) -> str:
        """The request in one line."""
        return f"Etsy shop {self.shop}: {_products(self.counts.products)} for your confirmation"

    @property
    def lines(self) -> list[Line]:
        """Counts, fees, refused products, notes, and how to go on."""
        counts = self.counts
        numbers = {
            "to create": counts.create,
            "to update": counts.update,
            "to take out of sale": counts.deactivate,
            "unchanged": counts.nothing,
            "to publish": counts.publish,
        }
        fees = f"Listing fees: at most {self.fees} USD." if self.fees else "No listing fee: nothing is published."
        return [
            ", ".join(f"{number:,} {words}" for words, number in numbers.items() if number) + ".",
            fees,
            *shorten("Refused: ", self.refused),
            *shorten("", self.notes),
            *([Hint("If Medusa counts by now what went", Action.OFFER_BOOKED_PIECES)] if self.pieces_went else []),
            Hint(f"Confirm it until {time_text(self.expires_at)}", Action.CONFIRM_ETSY_JOB, self.transaction_id),
            Hint("To drop it", Action.REJECT_ETSY_JOB, self.transaction_id),
        ]

    @property
    def message(self) -> Message:
        """The message for Slack."""
        return Message(":raised_hand:", self.title, self.lines)


def time_text(time: datetime) -> str:
    """Format a time as `2026-11-21 14:05 UTC`."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def outcome_text(outcomes: Iterable[str]) -> str:
    """Count outcomes, as in `3 synced, 1 failed`."""
    numbers = Counter(map(str, outcomes))
    return ", ".join(f"{numbers[name]:,} {name}" for name in OUTCOMES if numbers[name]) or "nothing to do"


def error_line(error: PipelineError, prefix: str = "") -> Line:
    """The sentence of an error, with its action where it has one."""
    text = f"{prefix}{error}"
    return Hint(text.rstrip("."), error.action, error.target) if error.action else text


def started_message(shop: str, transaction_id: str, number: int, *, attempt: int, url: str) -> Message:
    """Say that a run has started a job of `number` products."""
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
    notes: Sequence[str] = (),
    stopped: PipelineError | None = None,
    url: str,
) -> Message:
    """Say how a job ended.

    `failures`: title and reason of each; `notes`: what else is worth knowing; `stopped`: the error that ended it early.
    """
    title = f"Etsy shop {shop}: {outcome_text(outcomes)}"
    lines: list[Line] = [f"Job {transaction_id}."]
    if stopped:
        lines.append(error_line(stopped, "It was stopped: "))
    lines += [*shorten("", failures), *shorten("", notes)]
    if failures or stopped:
        lines.append(retry_hint(transaction_id))
        return Message(":warning:", title, lines, url=url)
    return Message(":white_check_mark:", title, lines, url=url)


def retry_hint(transaction_id: str) -> Hint:
    """Say how to go on with the failed products of a job."""
    return Hint("To try those that failed once more", Action.RETRY_ETSY_JOB, transaction_id)


def refused_message(shop: str, refused: Sequence[str]) -> Message:
    """Say which listings stay in an old form because Etsy would refuse the new one."""
    title = f"Etsy shop {shop}: {_products(len(refused))} changed, and Etsy would refuse the change"
    return Message(":warning:", title, shorten("", refused))


def expired_message(shop: str, transaction_id: str, number: int) -> Message:
    """Say that nobody confirmed a job in time."""
    lines = [f"Nobody confirmed the job {transaction_id} in time, so {_products(number)} stay as they were."]
    return Message(":zzz:", f"Etsy shop {shop}: confirmation timed out", [*lines, "Request it again."])


def died_message(shop: str, transaction_id: str, reason: str) -> Message:
    """Say that a run ended without ending its job."""
    lines: list[Line] = [reason, Hint("What was done is kept. To go on", Action.RETRY_ETSY_JOB, transaction_id)]
    return Message(":warning:", f"Etsy shop {shop}: the run of the job {transaction_id} died", lines)


def shorten(prefix: str, lines: Sequence[str]) -> list[str]:
    """Keep the first ten lines, and say how many more there are."""
    more = len(lines) - SHOWN
    return [*(f"{prefix}{line}" for line in lines[:SHOWN]), *([f"{prefix}... and {more:,} more"] if more > 0 else [])]


def _products(number: int) -> str:
    return f"{number:,} product{'' if number == 1 else 's'}"
