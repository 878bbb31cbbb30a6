"""Names what is done to a shop: kinds of change, operations, what is sent together, and what became of it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self, TypeAlias

Json: TypeAlias = Mapping[str, Any]


class Kind(StrEnum):
    """A kind of change to the shop. kinds.py says of each what it is called, what it reads and how it is undone."""

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
    """What became of an operation."""

    INTENT = "intent"
    """Recorded before the request; no outcome yet."""
    APPLIED = "applied"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    HELD = "held"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Sent, and neither the answer nor a look at the shop told whether it was carried out."""


OPEN = (Status.INTENT, Status.UNKNOWN)
"""Operations whose outcome nobody knows: the next run looks at the shop and settles them."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of a plan, and later one row of the operation log.

    `key`: what it is about (an offer_key, or a Medusa id). `before`: what the shop showed, as far as the operation
    changes it; `after`: what the shop is to show. `target_id`: Medusa id, None while there is none.
    """

    key: str
    after: Json
    before: Json | None = None
    target_id: str | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """Operations that are carried out together or not at all, with the body that the writer sends.

    An empty body means that the operations say everything, so a bundle can go on without some of them.
    """

    operations: tuple[Operation, ...]
    body: Json


@dataclass(frozen=True, slots=True)
class NotSent:
    """An operation that stays behind, with the reason."""

    operation: Operation
    reason: str
    status: Status = Status.SKIPPED


Plan: TypeAlias = Iterator[Bundle | NotSent]
"""Lazy, so that bodies are built as they are sent."""


@dataclass(frozen=True)
class Counts:
    """How many operations of one kind ended how. UNKNOWN counts as failed: nobody may rely on it."""

    applied: int = 0
    unchanged: int = 0
    skipped: int = 0
    held: int = 0
    failed: int = 0

    @classmethod
    def of(cls, statuses: Mapping[Status, int]) -> Self:
        """Counts by status, from numbers of log entries; an operation without an outcome counts as failed."""
        failed = sum(statuses.get(status, 0) for status in (Status.FAILED, *OPEN))
        others = (Status.APPLIED, Status.UNCHANGED, Status.SKIPPED, Status.HELD)
        applied, unchanged, skipped, held = (statuses.get(status, 0) for status in others)
        return cls(applied, unchanged, skipped, held, failed)

    @property
    def planned(self) -> int:
        """All operations of the plan."""
        return self.applied + self.unchanged + self.skipped + self.held + self.failed

    def __add__(self, other: "Counts") -> "Counts":
        """The counts of both parts of one plan."""
        return Counts(*(mine + its for mine, its in zip(asdict(self).values(), asdict(other).values(), strict=True)))

    def as_dict(self) -> dict[str, int]:
        """The counts as reports have them, `planned` first."""
        return {"planned": self.planned} | asdict(self)


OUTCOMES = tuple(Counts().as_dict())
"""Names of the counts in reports, in the order in which they are shown."""
