"""What is found while a product is made a listing: what Etsy would refuse, and what was changed for Etsy.

What belongs here: the shape of both, in words for a shop owner. What does not: the rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

_NAMED = 3


@dataclass(frozen=True)
class Problem:
    """Why Etsy would refuse a product; a person has to change something."""

    code: str
    field: str
    sentence: str


@dataclass(frozen=True)
class Note:
    """What was made right, or is worth knowing; nobody has to do anything."""

    field: str
    sentence: str


@dataclass
class Findings:
    """Collects both."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def problem(self, code: str, field: str, sentence: str) -> None:
        """Etsy would refuse it."""
        self.problems.append(Problem(code, field, sentence))

    def note(self, field: str, sentence: str) -> None:
        """It is worth knowing."""
        self.notes.append(Note(field, sentence))


def named(names: Sequence[str]) -> str:
    """The first few names, and how many more."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
