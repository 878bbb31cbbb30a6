"""Faults to inject: what networks and Etsy do now and then, told by a test or drawn from a seed.

What belongs here: which fault strikes which call. What does not: carrying it out (server.py).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter


class FaultKind(StrEnum):
    """What happens instead of, or after, the call."""

    SERVER_ERROR = "500"
    """Nothing is carried out."""
    SERVER_ERROR_AFTER = "500_after"
    """Carried out, and answered with 500 (open-api #162)."""
    DROPPED_AFTER = "dropped_after"
    """Carried out, then no answer: held back for `seconds`, then the connection is closed."""
    RESET = "reset"
    """The connection is reset; nothing is carried out."""
    ARRAY_ERROR = "array_error"
    """400 with an array, not carried out."""
    KEYED_ERROR = "keyed_error"
    """400 with an object that has numbers as keys, not carried out."""
    BAD_GATEWAY = "502"
    """A gateway's page; nothing is carried out."""
    LIMIT_OF_SECOND = "429_second"
    LIMIT_OF_DAY = "429_day"
    TOKEN_EXPIRED = "401"
    """The token that is sent is at its end from now on."""
    SLOW = "slow"
    """Carried out and answered, `seconds` late."""


CARRIED_OUT = frozenset({FaultKind.SERVER_ERROR_AFTER, FaultKind.DROPPED_AFTER, FaultKind.SLOW})


@dataclass
class Fault:
    """A plan for faults.

    `kinds`: one of them is drawn each time. `operations`: names of Etsy's operations, or "token" for the token
    endpoint; empty means all. The first `skip` calls that fit pass; then each is struck with `probability`, `times`
    times at most (None: always).
    """

    kinds: list[FaultKind]
    operations: list[str] = field(default_factory=list)
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    seconds: float = 0.0
    struck: int = 0


_FAULT = TypeAdapter(Fault)


@dataclass(frozen=True)
class Strike:
    """One fault, for one call."""

    kind: FaultKind
    seconds: float


class Faults:
    """Plans in the order given; the first that strikes a call does so alone."""

    def __init__(self) -> None:
        self._plans: list[tuple[Fault, random.Random]] = []

    def add(self, plan: Any) -> None:
        """A plan as JSON. Raises ValueError (pydantic)."""
        fault = _FAULT.validate_python(plan)
        self._plans.append((fault, random.Random(fault.seed)))

    def clear(self) -> None:
        """No faults any more."""
        self._plans.clear()

    @property
    def plans(self) -> Sequence[Fault]:
        """All plans, with how often each has struck."""
        return [plan for plan, _ in self._plans]

    def strike(self, operation: str) -> Strike | None:
        """What strikes the next call of an operation."""
        for plan, generator in self._plans:
            if plan.operations and operation not in plan.operations:
                continue
            if plan.times is not None and plan.struck >= plan.times:
                continue
            if plan.skip > 0:
                plan.skip -= 1
                continue
            if generator.random() < plan.probability:
                plan.struck += 1
                return Strike(generator.choice(plan.kinds), plan.seconds)
        return None
