"""What the rows of a whole feed say of each other: parents that are none, and dates that are none."""

from collections.abc import Sequence
from decimal import Decimal

import polars as pl
import pytest

from awin_medusa_pipeline.sync.domain.feed import standing
from awin_medusa_pipeline_tests.support.factories import Row, catalog, offer, offers, variant

UNLIKE = ("Lamp", "Chair", "Vase", "Bowl")
ALIKE = ("Lamp Oak", "Lamp Elm", "Lamp Ash", "Lamp Fir")


@pytest.mark.parametrize(
    ("names", "others", "found"),
    [
        pytest.param(UNLIKE, 3, {"1": "p"}, id="more than half, with nothing in common"),
        pytest.param(UNLIKE, 4, {}, id="exactly half"),
        pytest.param(ALIKE, 3, {}, id="a word in common"),
        pytest.param(UNLIKE[:2], 1, {}, id="too few to tell"),
        pytest.param((*UNLIKE[:2], "Lamp Oak", "Lamp Elm"), 3, {}, id="a word in more than half"),
        pytest.param(UNLIKE[:3], 2, {"1": "p"}, id="three are enough"),
    ],
)
def test_a_parent_that_most_rows_share_without_reason(names: Sequence[str], others: int, found: dict[str, str]) -> None:
    rows = [offer(f"c{place}", parent="p", name=name) for place, name in enumerate(names)]
    rows += [offer(f"o{place}", name=f"Other {place}") for place in range(others)]
    feed = offers(*rows)
    assert standing.false_parents(feed, standing.marks_of(feed).collect()) == found


@pytest.mark.parametrize(
    ("out", "of", "found"),
    [(4, 6, ["1"]), (3, 6, []), (3, 5, ["1"]), (2, 2, []), (0, 5, [])],
)
def test_dates_that_most_rows_have_behind_them_are_none(out: int, of: int, found: list[str]) -> None:
    marks = pl.DataFrame({"merchant_id": ["1"] * of, "out_of_date": [place < out for place in range(of)]})
    assert standing.false_dates(marks.with_columns(pl.col("merchant_id").cast(pl.Categorical))) == found


def standing_prices(rows: Sequence[Row], shop: pl.LazyFrame | None = None, **spoken_for: str) -> list[int]:
    """Prices of the offers that stand, of rows in two feeds; `spoken_for`: merchants by feed, f0="1 2"."""
    feed = offers(*rows).with_row_index("row")
    pairs = [(int(name[1:]), merchant) for name, merchants in spoken_for.items() for merchant in merchants.split()]
    known = pl.DataFrame(pairs, schema={"feed": pl.UInt32, "merchant_id": pl.String}, orient="row")
    marks = standing.marks_of(feed.drop("row")).collect().with_columns(out_of_date=pl.lit(False))

    def of_rows(rows: pl.Series) -> pl.LazyFrame:
        return feed.filter(pl.col("row").is_in(rows.implode()))

    number = pl.when(pl.col("row") < len(rows) // 2).then(0).otherwise(1).cast(pl.UInt32)
    fallen = standing.fallen(marks, of_rows, number, shop, spoken_for=known)
    return [int(row["price"]) for place, row in enumerate(rows) if place not in fallen["row"].to_list()]


FORGED = offer("a", "2", price=Decimal(1), gtin="4006381333931")
OWN = offer("a", "2", price=Decimal(80), gtin="4006381333931")
IN_SHOP = catalog(
    variant(offer_key="awin:2:a", barcode="4006381333931", prices=[{"currency": "gbp", "amount": Decimal(80)}])
)


def test_a_row_in_another_merchants_name_loses_against_that_merchants_own() -> None:
    """Seen: a row of the feed named first displaced the merchant's own one."""
    assert standing_prices([FORGED, OWN]) == [1]
    assert standing_prices([FORGED, OWN], f0="1", f1="2") == [80]
    assert standing_prices([FORGED, OWN], f1="2") == [1]
    assert standing_prices([OWN, FORGED], f0="1 2", f1="2") == [80]
    other_id = offer("b", "2", price=Decimal(1), sku="a")
    assert standing_prices([other_id, OWN], f0="1", f1="2") == [80]


def test_of_one_feed_the_row_with_the_shops_price_stands() -> None:
    assert standing_prices([FORGED, OWN, offer("b"), offer("c")], IN_SHOP)[:1] == [80]
    assert standing_prices([OWN, FORGED, offer("b"), offer("c")], IN_SHOP)[:1] == [80]
