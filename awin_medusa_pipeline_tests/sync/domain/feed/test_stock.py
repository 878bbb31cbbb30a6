"""Stock cells side by side in one column: what one of them is says nothing of the others."""

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
