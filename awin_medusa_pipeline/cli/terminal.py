"""Prints to the terminal: results, tables, JSON, errors, steps as they happen, and commands to run next.

Much of it was written by others. Whatever is printed passes SafeConsole, which lets no control character through.
"""

import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.segment import Segment
from rich.status import Status
from rich.table import Table
from rich.text import Text

from awin_medusa_pipeline.core.hidden import without_secrets
from awin_medusa_pipeline.core.legible import json_text, legible
from awin_medusa_pipeline.core.messages import duration_text


class SafeConsole(Console):
    """Prints text as text: no control character of it reaches the terminal, and [/b] or :car: are no markup."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, stderr=stderr)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Make legible what is about to be printed; rich adds its colours after this."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(legible(segment.text, lines=True), segment.style)


console = SafeConsole()
_trouble = SafeConsole(stderr=True)

_SIZES = ("dagster/row_count", "bytes")
LONGEST = 100
LONGEST_WORD_IN_CELL = 300
MOST_COLUMNS = 10_000
SECONDS_BETWEEN_LINES = 60
MOST_OF_STATE = 500
SUMMARY_ASSET = "sync_summary"
COLOURS = {"applied": "green", "failed": "red", "held": "yellow"}


Part = str | Text | tuple[str, str]
"""Text, or text and its style."""


def say(*parts: Part) -> None:
    """Print a line without breaking it: a path or an address that is cut into lines cannot be copied."""
    console.print(Text.assemble(*map(_legible, parts)), soft_wrap=True)


def complain(text: str) -> None:
    """Print an error to stderr, without breaking its lines or showing a secret."""
    _trouble.print(Text(legible(without_secrets(text), lines=True), style="red"), soft_wrap=True)


def print_json(document: Any) -> None:
    """Print one JSON document: times as ISO 8601 in UTC, decimals as text, every text whole."""
    sys.stdout.write(json_text(document) + "\n")


def show_table(table: Table) -> None:
    """Print a table in which no word is cut or broken, be it an id, an address or a path.

    Where the words need more room than the terminal has, the lines are longer.
    """
    for column in table.columns:
        column._cells = [_legible_cell(cell) for cell in column._cells]
    measures = [_measure_column(table, number) for number in range(len(table.columns))]
    borders = console.measure(_bare(table)).maximum
    widths = column_widths(measures, console.width - borders)
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    table.width = borders + sum(widths)
    console.print(table, crop=False)


def _legible(part: Part) -> Part:
    """The same part, made legible; its style stays. Its lines are ours."""
    if isinstance(part, tuple):
        return legible(part[0], lines=True), part[1]
    if not isinstance(part, Text):
        return legible(part, lines=True)
    # Styles within the text would shift, since marks are longer than what they stand for.
    shown = legible(part.plain, lines=True)
    return part if shown == part.plain else Text(shown, style=part.style)


def _legible_cell(cell: RenderableType) -> RenderableType:
    if isinstance(cell, Text):
        shown = legible(cell.plain, lines=True, longest_word=LONGEST_WORD_IN_CELL)
        return cell if shown == cell.plain else Text(shown, style=cell.style)
    return legible(cell, lines=True, longest_word=LONGEST_WORD_IN_CELL) if isinstance(cell, str) else cell


def column_widths(measures: Sequence[tuple[int, int]], room: int) -> list[int]:
    """Width of each column from its longest word and its longest line: the words first, then what room is left."""
    widths = [word for word, _ in measures]
    while (left := room - sum(widths)) > 0:
        growing = [number for number, (_, line) in enumerate(measures) if widths[number] < line]
        if not growing:
            break
        # The narrowest first, so that short columns stay on one line.
        number = min(growing, key=lambda one: (measures[one][1], one))
        widths[number] = min(measures[number][1], widths[number] + left)
    return widths


def _measure_column(table: Table, number: int) -> tuple[int, int]:
    cells: list[RenderableType] = [table.columns[number].header, *table.columns[number].cells]
    options = console.options.update(max_width=MOST_COLUMNS)
    found = [Measurement.get(console, options, Text(cell) if isinstance(cell, str) else cell) for cell in cells]
    longest = max(one.maximum for one in found)
    return longest if table.columns[number].no_wrap else max(one.minimum for one in found), longest


def _bare(table: Table) -> Table:
    """The table's borders and padding alone."""
    bare = Table(box=table.box, show_header=False, padding=table.padding, pad_edge=table.pad_edge)
    for _ in table.columns:
        bare.add_column()
    bare.add_row(*("" for _ in table.columns))
    return bare


class Steps:
    """Shows steps as they happen: a spinner with the state of the current one, and a line for each that is done.

    Call it with a step and its state on every change. Without a terminal it prints lines only, one a minute while a
    step takes long.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._told = now, 0.0
        self._status = Status("", console=console)
        self._step: str | None = None
        self._began = 0.0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        with self._lock:
            if error is None:
                self._end()
        self._status.stop()

    def __call__(self, step: str, state: str = "") -> None:
        """Show the current step and its state."""
        with self._lock:
            if step != self._step:
                self._end()
                self._step, self._began = step, self._now()
                self._told = self._began
                if not console.is_terminal:
                    console.print(f"  {legible(step)} ...")
            elif not console.is_terminal and self._now() - self._told >= SECONDS_BETWEEN_LINES:
                self._told = self._now()
                shown = legible(state, longest=MOST_OF_STATE) or duration_text(self._told - self._began)
                console.print(f"  {step}: {shown}", soft_wrap=True)
            self._status.update(Text(legible(f"{step}: {state}" if state else f"{step} ...", longest=MOST_OF_STATE)))

    def done(self, step: str, state: str) -> None:
        """Print a line for something done within the current step."""
        with self._lock:
            console.print(_done(step, state), soft_wrap=True)

    def _end(self) -> None:
        if self._step and console.is_terminal:
            console.print(_done(self._step, duration_text(self._now() - self._began)))
        self._step = None


class JobSteps(Steps):
    """Shows a run as it happens; a Watcher (defs/launch.py)."""

    def __init__(self, job: str) -> None:
        super().__init__()
        self.job = job

    def running(self, step: str, state: str) -> None:
        """Show a step of the run in the spinner."""
        self(self.job, f"{step}: {state}" if state else step)

    def made(self, asset: str, metadata: Mapping[str, Any]) -> None:
        """Print an asset with its numbers; those of the summary follow as tables."""
        if asset != SUMMARY_ASSET:
            self.done(asset, counts_of(metadata))


def _done(step: str, state: str) -> Text:
    return Text.assemble(("✓ ", "green"), f"{legible(step):<24}", (f" {legible(state)}", "dim"))


def counts_of(metadata: Mapping[str, Any]) -> str:
    """The numbers of a materialisation as text, without zeros."""
    rows = {"rows": metadata["dagster/row_count"]} if "dagster/row_count" in metadata else {}
    numbers = rows | {key: value for key, value in metadata.items() if type(value) is int and key not in _SIZES}
    return ", ".join(f"{value:,} {key.replace('_', ' ')}" for key, value in numbers.items() if value) or "nothing"


def age(since: datetime) -> str:
    """Time since a moment: `3 h 20 min ago`."""
    return f"{duration_text((datetime.now(UTC) - since).total_seconds())} ago"


def short(value: Any) -> str:
    """A value as text, cut between two words after at most LONGEST characters; a first word is whole, be it longer."""
    text = "none" if value is None else str(value)
    if len(text) <= LONGEST:
        return text
    begins = [found.start() for found in re.finditer(r"\s", text)]
    end = max((begin for begin in begins if begin < LONGEST), default=begins[0] if begins else len(text))
    return text[:end] + (" …" if end < len(text) else "")


def commands(lines: Iterable[tuple[str, str]]) -> None:
    """Print commands to run next, each with its meaning."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 2))
    table.add_column(no_wrap=True)
    for command, meaning in lines:
        table.add_row(Text(command, style="bold"), meaning)
    show_table(table)
