"""Draws the chart of discrepancies and applied changes: places and sizes, which the template writes as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 180
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 12, 24


@dataclass(frozen=True)
class Day:
    """One day; `found` None: nothing was compared."""

    name: str
    found: int | None
    applied: int

    @property
    def words(self) -> str:
        """The day for a screen reader."""
        found = "nothing compared" if self.found is None else f"{self.found:,} differences"
        return f"{self.name}: {found}, {self.applied:,} changes applied"


@dataclass(frozen=True)
class Bar:
    """A bar of the chart."""

    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True)
class Chart:
    """Everything that is drawn."""

    width: int
    height: int
    bars: Sequence[Bar]
    lines: Sequence[str]
    """Point lists of the line; one for each stretch of days without a gap."""
    dots: Sequence[tuple[float, float, str]]
    ticks: Sequence[tuple[float, str]]
    dates: Sequence[tuple[float, str]]


def chart(days: Sequence[Day]) -> Chart:
    """The chart of these days, oldest first."""
    most = max([1, *(day.applied for day in days), *(day.found or 0 for day in days)])
    top = _round_up(most)
    step = (WIDTH - LEFT - RIGHT) / max(len(days), 1)
    height = HEIGHT - TOP - BOTTOM

    def y(value: int) -> float:
        return round(TOP + height * (1 - value / top), 1)

    bars: list[Bar] = []
    dots: list[tuple[float, float, str]] = []
    lines: list[list[tuple[float, float]]] = []
    line: list[tuple[float, float]] = []
    for number, day in enumerate(days):
        x = LEFT + step * number
        if day.applied:
            bars.append(
                Bar(round(x + step * 0.15, 1), y(day.applied), round(step * 0.7, 1), y(0) - y(day.applied), day.words)
            )
        if day.found is None:
            lines, line = [*lines, line], []
        else:
            point = (round(x + step / 2, 1), y(day.found))
            line.append(point)
            dots.append((*point, day.words))
    points = [" ".join(f"{x},{y}" for x, y in stretch) for stretch in [*lines, line] if len(stretch) > 1]
    ticks = [(y(value), f"{value:,}") for value in (0, top // 2, top)] if top > 1 else [(y(0), "0"), (y(1), "1")]
    dates = [
        (round(LEFT + step * (number + 0.5), 1), day.name[5:]) for number, day in enumerate(days) if number % 7 == 1
    ]
    return Chart(WIDTH, HEIGHT, bars, points, dots, ticks, dates)


def _round_up(most: int) -> int:
    """The next number above that ends well on an axis."""
    power = 10 ** math.floor(math.log10(most))
    return next(int(factor * power) for factor in (1, 2, 5, 10) if factor * power >= most)
