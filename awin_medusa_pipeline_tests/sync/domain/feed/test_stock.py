"""Stock cells side by side in one column: what one of them is says nothing of the others."""

import time

import polars as pl
import pytest

from awin_medusa_pipeline.sync.domain.feed import stock


@pytest.mark.parametrize(
    ("cells", "told"),
    [(["n/a", "1"], [None, "1"]), (["null", None], [None, None]), (["1", None], ["1", None]), ([None], [None])],
)
def test_ways_to_write_nothing_are_nothing(cells: list[str | None], told: list[str | None]) -> None:
    assert stock.told(pl.Series(cells, dtype=pl.String)).to_list() == told


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["1", "2 pcs", None, "many"], [1, 2, None, None]),
        (["0.0", "-0.5", "12.0000", "-2.0"], [0, -1, 12, -1]),
        (["3"], [3]),
        (["łots"], [None]),
        (["1000000000", "1000000001", "4006381333931 pcs", "1e15"], [1_000_000_000, None, None, None]),
    ],
)
def test_quantities(cells: list[str | None], read: list[int | None]) -> None:
    assert stock.quantities(pl.Series(cells, dtype=pl.String)).to_list() == read


def test_a_cell_of_megabytes_is_not_looked_at() -> None:
    """Seen: 1.4 s for each megabyte of digits."""
    began = time.monotonic()
    cells = pl.Series(["1" * 20_000_000, "in stock (3)", f"in stock{' ' * 193}"])
    text, said, _ = stock.statuses(cells)
    assert (text.to_list(), said.to_list()) == (cells.to_list(), [None, True, None])
    assert stock.quantities(pl.Series([cells[0], "3 pcs"])).to_list() == [None, 3]
    assert time.monotonic() - began < 5
