"""Collects what is found while a listing is prepared: what Etsy would refuse, and what was changed for Etsy."""

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
    """Something that was corrected or is worth knowing; nobody has to act."""

    field: str
    sentence: str


@dataclass
class Findings:
    """Collects the problems and notes of one product."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def add_problem(self, code: str, field: str, sentence: str) -> None:
        """Add a reason why Etsy would refuse the product."""
        self.problems.append(Problem(code, field, sentence))

    def add_note(self, field: str, sentence: str) -> None:
        """Add something that is worth knowing."""
        self.notes.append(Note(field, sentence))


def join_names(names: Sequence[str]) -> str:
    """Join the first three names, and say how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
