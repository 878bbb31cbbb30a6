"""Defines the changes to a shop: kinds, operations, bundles, plans and outcomes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self, TypeAlias

Json: TypeAlias = Mapping[str, Any]


class Kind(StrEnum):
    """A kind of change to the shop; kinds.py has the properties of each."""

    ADOPT = "adopt"
    IMPORT = "import"
    HIDE = "hide"
    RESTORE = "restore"
    STOCK = "stock"
    PRICE = "price"
    CONTENT = "content"


class Decision(StrEnum):
    """What becomes of a difference that a person may have made."""

    UPDATE = "update"
    KEEP = "keep"
    ASK = "ask"
    REFUSE = "refuse"


class Status(StrEnum):
    """Outcome of an operation."""

    INTENT = "intent"
    """Recorded before the request; no outcome yet."""
    APPLIED = "applied"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    HELD = "held"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Sent, but neither the answer nor a look at the shop showed whether it was carried out."""


DRY_RUN = "dry run"
"""Reason of an operation that an applying run would have sent."""
OPEN = (Status.INTENT, Status.UNKNOWN)
"""Statuses without a known outcome: the next run checks the shop and settles them."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of a plan, and later one row of the operation log.

    `key`: an offer_key or a Medusa id. `before`: the shop's values that the operation changes; `after`: the values to
    reach. `target_id`: Medusa id, None while there is none. `title`: what a person calls the product.
    """

    key: str
    after: Json
    before: Json | None = None
    target_id: str | None = None
    title: str | None = None

    def back(self) -> "Operation":
        """The operation that takes this one back."""
        return replace(self, after=self.before or {}, before=self.after)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Operations that are carried out together or not at all, with the body that the writer sends.

    With an empty body the operations say everything, so some of them may be taken out.
    """

    operations: tuple[Operation, ...]
    body: Json
    reason: str | None = None
    """Why they are sent, where the kind alone does not say so; kept in the operation log."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """An operation that is not sent, with the reason."""

    operation: Operation
    reason: str
    status: Status = Status.SKIPPED


@dataclass(frozen=True, slots=True)
class Written:
    """One written value; `source`: the feed's value where it differs."""

    key: str
    field: str
    value: str
    source: str | None = None


Plan: TypeAlias = Iterator[Bundle | NotSent]
"""Lazy, so that bodies are built as they are sent."""


def operations_of(bundles: Iterable[Bundle]) -> list[Operation]:
    """All operations of bundles, in order."""
    return [operation for bundle in bundles for operation in bundle.operations]


@dataclass(frozen=True)
class Counts:
    """Number of operations of one kind per outcome. UNKNOWN counts as failed: nobody may rely on it."""

    applied: int = 0
    unchanged: int = 0
    skipped: int = 0
    held: int = 0
    failed: int = 0

    @classmethod
    def of(cls, statuses: Mapping[Status, int]) -> Self:
        """Make counts from the number of log entries per status; operations without an outcome count as failed."""
        failed = sum(statuses.get(status, 0) for status in (Status.FAILED, *OPEN))
        others = (Status.APPLIED, Status.UNCHANGED, Status.SKIPPED, Status.HELD)
        applied, unchanged, skipped, held = (statuses.get(status, 0) for status in others)
        return cls(applied, unchanged, skipped, held, failed)

    @property
    def planned(self) -> int:
        """Number of all operations of the plan."""
        return self.applied + self.unchanged + self.skipped + self.held + self.failed

    def __add__(self, other: "Counts") -> "Counts":
        """Add the counts of two parts of one plan."""
        return Counts(*(mine + its for mine, its in zip(asdict(self).values(), asdict(other).values(), strict=True)))

    def as_dict(self) -> dict[str, int]:
        """The counts as in reports, `planned` first."""
        return {"planned": self.planned} | asdict(self)


OUTCOMES = tuple(Counts().as_dict())
"""Names of the counts in reports, in display order."""


def text_of(value: str | list[str] | None) -> str | None:
    """A field's value as text; None: no value."""
    return ("\n".join(value) or None) if isinstance(value, list) else value


def money_text(amount: Decimal) -> str:
    """An amount as text, without trailing zeros, for the operation log and written values."""
    return format(amount.normalize(), "f")
