"""Times two ways of one work in turns, and takes the ratio of each pair."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass
class Comparison:
    """Seconds of ours and of the floor, pair by pair; the limit is what the project promises."""

    name: str
    limit: float
    ours: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def ratio(self) -> float:
        """Median of the pairs' ratios."""
        return statistics.median(a / b for a, b in zip(self.ours, self.floor, strict=True))


def compare(name: str, limit: float, ours: Callable[[], float], floor: Callable[[], float], pairs: int) -> Comparison:
    """Run both in turns, the order changing from pair to pair; each returns its seconds."""
    result = Comparison(name, limit)
    for number in range(pairs):
        for way, seconds in ((ours, result.ours), (floor, result.floor))[:: 1 if number % 2 else -1]:
            seconds.append(way())
    return result


def seconds_of(work: Callable[[], object]) -> float:
    """Take the wall time of a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@dataclass(frozen=True)
class Usage:
    """What a whole process took."""

    seconds: float
    cpu_seconds: float
    megabytes: float
    """Its peak memory."""


def run_module(name: str, *arguments: str) -> None:
    """Run a Python module with arguments as a process."""
    subprocess.run([sys.executable, "-m", name, *arguments], check=True)


def usage_of_module(name: str, *arguments: str) -> Usage:
    """Measure a whole process: a Python module with arguments.

    A process starts with the memory of the one that starts it as its peak, so this one must stay small.
    """
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", name, *arguments])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    # Linux counts in kB.
    return Usage(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def show(results: list[Comparison], console: Console) -> None:
    """Print the table that docs/testing.md quotes."""
    table = Table("work", "ours, s", "bare, s", "ratio", "at most", "", title="Ours beside a bare loop, same run")
    for result in results:
        table.add_row(
            result.name,
            f"{statistics.median(result.ours):.2f}",
            f"{statistics.median(result.floor):.2f}",
            f"{result.ratio:.2f}",
            f"{result.limit:.2f}",
            result.note,
        )
    console.print(table)
