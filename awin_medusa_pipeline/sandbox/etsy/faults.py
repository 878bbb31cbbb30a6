"""Decides which injected fault, planned by a test or drawn from a seed, strikes which call."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter


class FaultKind(StrEnum):
    """Effect of a fault instead of, or after, the call."""

    SERVER_ERROR = "500"
    """500; the call is not carried out."""
    SERVER_ERROR_AFTER = "500_after"
    """500 although the call is carried out (open-api #162)."""
    DROPPED_AFTER = "dropped_after"
    """The call is carried out but not answered; the connection is closed after `seconds`."""
    RESET = "reset"
    """The connection is reset; the call is not carried out."""
    ARRAY_ERROR = "array_error"
    """400 with an array; the call is not carried out."""
    KEYED_ERROR = "keyed_error"
    """400 with an object that has numbers as keys; the call is not carried out."""
    BAD_GATEWAY = "502"
    """502 with a gateway's page; the call is not carried out."""
    LIMIT_OF_SECOND = "429_second"
    LIMIT_OF_DAY = "429_day"
    TOKEN_EXPIRED = "401"
    """401; the token sent with the call expires now."""
    SLOW = "slow"
    """The call is carried out and answered `seconds` late."""


CARRIED_OUT = frozenset({FaultKind.SERVER_ERROR_AFTER, FaultKind.DROPPED_AFTER, FaultKind.SLOW})


@dataclass
class Fault:
    """A plan for faults.

    `kinds`: one is drawn per strike. `operations`: names of Etsy's operations, or "token" for the token endpoint; empty
    means all. The first `skip` matching calls pass; each later one is struck with `probability`, at most `times` times
    (None: no limit).
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
    """A fault that strikes one call."""

    kind: FaultKind
    seconds: float


class Faults:
    """Plans in the order they were added; only the first that strikes a call takes effect."""

    def __init__(self) -> None:
        self._plans: list[tuple[Fault, random.Random]] = []

    def add(self, plan: Any) -> None:
        """Add a plan given as JSON. Raises ValueError (pydantic)."""
        fault = _FAULT.validate_python(plan)
        self._plans.append((fault, random.Random(fault.seed)))

    def clear(self) -> None:
        """Remove all plans."""
        self._plans.clear()

    @property
    def plans(self) -> Sequence[Fault]:
        """All plans, each with its number of strikes."""
        return [plan for plan, _ in self._plans]

    def strike(self, operation: str) -> Strike | None:
        """Draw the fault for the next call of an operation; None lets it pass."""
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
