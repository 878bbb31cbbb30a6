"""Many small steps of a price: measured from where they began, anew from what a person chose."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.sync.domain import contracts, discrepancies, guards, ownership
from awin_medusa_pipeline.sync.domain.price_steps import with_earlier_prices
from awin_medusa_pipeline.sync.domain.rules import DEFAULT_OWNERS, PRICE_JUMP, PRICE_WINDOW, Limits, StockRules
from awin_medusa_pipeline_tests.support.factories import catalog, offer, offers, variant

DAY = date(2026, 11, 1)
Step = tuple[str | None, str | None, bool]


def steps(taken: list[Step], key: str = "variant_x", currency: str = "gbp") -> pl.DataFrame:
    rows = [
        (number, key, currency, DAY + timedelta(number), *(None if one is None else Decimal(one) for one in (b, a)), ok)
        for number, (b, a, ok) in enumerate(taken)
    ]
    return pl.DataFrame(rows, schema=dtypes(contracts.PriceStep), orient="row")


def differing(price: str, has: str | None, written: Mapping[str, str] | None = None) -> pl.DataFrame:
    """The PriceMismatch row of a variant that costs `has` in the shop and `price` in the feed."""
    prices = [] if has is None else [{"currency": "gbp", "amount": Decimal(has)}]
    shop = [variant("x", offer_key="awin:1:a", external_id="awin:1:a", prices=prices)]
    in_feed = offers(offer("a", price=Decimal(price)))
    matched = discrepancies.matched_products(in_feed, catalog(*shop), StockRules())
    kept = [(key, "price", value, None) for key, value in (written or {}).items()]
    values = pl.LazyFrame(kept, schema=dtypes(contracts.WrittenValue), orient="row")
    return ownership.price_mismatches(matched, values, DEFAULT_OWNERS).collect()


def free(*prices: str | None) -> list[Step]:
    """Steps of a feed from each price to the next."""
    return [(was, wanted, False) for was, wanted in pairwise(prices)]


def approved(was: str | None, wanted: str | None) -> list[Step]:
    return [(was, wanted, True)]


FALL = free("10", "9", "8", "7", "6")
CASES: dict[str, tuple[list[Step], str, str, tuple[str, str | None]]] = {
    # steps, price in the shop, price in the feed -> decision, price that it is measured against
    "no steps": ([], "10", "5", ("update", None)),
    "one step": (free("10", "6"), "6", "5", ("update", "10")),
    "half is not beyond": (FALL, "6", "5", ("update", "10")),
    "beyond half": (FALL, "6", "4.99", ("ask", "10")),
    "three times is not beyond": (free("10", "19", "25"), "25", "30", ("update", "10")),
    "beyond three times": (free("10", "19", "25"), "25", "30.01", ("ask", "10")),
    "up and down again": (free("10", "18", "9", "12"), "12", "6", ("update", "10")),
    "down and up again": (free("10", "6", "10"), "10", "5.01", ("update", "10")),
    "approved": ([*FALL, *approved("6", "4.5")], "4.5", "4", ("update", "4.5")),
    "approved, and on from there": ([*FALL, *approved("6", "4.5"), *free("4.5", "3")], "3", "2.2", ("ask", "4.5")),
    "approved twice": ([*approved("10", "4"), *approved("4", "1.5")], "1.5", "1", ("update", "1.5")),
    "approved, and undone": ([*FALL, *approved("6", "2"), *free("2", "6")], "6", "4.99", ("ask", "10")),
    "approved, undone, approved": (
        [*approved("10", "2"), *free("2", "10"), *approved("10", "2")],
        "2",
        "1.5",
        ("update", "2"),
    ),
    "a step undone": ([*FALL, *free("6", "7")], "7", "4.99", ("ask", "10")),
    "set by hand since": (FALL, "5.5", "4.9", ("update", None)),
    "set by hand between": ([*FALL, *free("5.5", "5")], "5", "4", ("update", "5.5")),
    "set by hand between, and on": ([*FALL, *free("5.5", "4")], "4", "2.7", ("ask", "5.5")),
    "lost and put back": (free("10", "7", None, "7"), "7", "4.9", ("ask", "10")),
    "put back first of all": (free(None, "10", "7"), "7", "4.9", ("ask", "10")),
    "a price of nothing": (free("0", "1"), "1", "2", ("update", "0")),
}


@pytest.mark.parametrize(("taken", "has", "price", "expected"), CASES.values(), ids=CASES.keys())
def test_what_a_price_is_measured_against(
    taken: list[Step], has: str, price: str, expected: tuple[str, str | None]
) -> None:
    found = with_earlier_prices(differing(price, has), steps(taken), PRICE_JUMP)
    (row,) = contracts.PriceMismatch.validate(found).to_dicts()
    earlier = row["earlier_price"]
    assert (row["decision"], earlier) == (expected[0], None if expected[1] is None else Decimal(expected[1]))
    assert (row["question"] == "price_creep") is (expected[0] == "ask")


def test_another_currency_and_another_variant_are_no_steps_of_it() -> None:
    row = differing("4.99", "6")
    for others in (steps(FALL, currency="eur"), steps(FALL, key="variant_y")):
        assert with_earlier_prices(row, others, PRICE_JUMP)["decision"].to_list() == ["update"]


@pytest.mark.parametrize(("price", "question"), [("2.9", "price_jump"), ("4.99", "price_creep")])
def test_one_great_step_is_asked_about_as_such(price: str, question: str) -> None:
    assert with_earlier_prices(differing(price, "6"), steps(FALL), PRICE_JUMP)["question"].to_list() == [question]


def test_the_question_names_both_prices_and_the_day() -> None:
    found = with_earlier_prices(differing("4.9", "6"), steps(FALL), PRICE_JUMP)
    assert "from 10 GBP on 2026-11-01 to 4.9 GBP, -51 % [price_creep]" in guards.question("price_creep", found)


@pytest.mark.parametrize(("price", "decision"), [("4.9", "update"), ("4", "ask")])
def test_a_price_that_was_lost_is_judged_against_what_it_was(price: str, decision: str) -> None:
    """Seen: the feed's 0.01 was given to a variant that had lost its price of 9.50."""
    found = differing(price, None, {"variant_x": "9.5 gbp"})
    assert found["decision"].to_list() == [decision]


def nights(shares: list[float]) -> tuple[list[Step], list[str]]:
    """Steps that go through when each night's price is that share of the shop's, and the questions."""
    taken: list[Step] = []
    questions: list[str] = []
    has = Decimal("100.00")
    for share in shares:
        price = max((has * Decimal(str(share))).quantize(Decimal("0.01")), Decimal("0.01"))
        row: dict[str, Any] = {"decision": "", "question": None}
        for row in with_earlier_prices(differing(str(price), str(has)), steps(taken), PRICE_JUMP).to_dicts():
            questions += [row["question"]] if row["question"] else []
        if row["decision"] == "update":
            taken.append((str(has), str(price), False))
            has = price
    return taken, questions


@given(shares=st.lists(st.floats(0.4, 3.2), max_size=8))
def test_however_it_steps_a_price_stays_within_one_jump_of_where_it_began(shares: list[float]) -> None:
    taken, _ = nights(shares)
    ends = [float(wanted) for _, wanted, _ in taken if wanted]
    assert all(100 * (1 - PRICE_JUMP.fall_percent / 100) - 0.01 <= end for end in ends)
    assert all(end <= 100 * (1 + PRICE_JUMP.rise_percent / 100) + 0.01 for end in ends)


def test_all_prices_at_two_percent_a_night_are_held_before_the_window_is_over() -> None:
    """Each price by itself falls by 45 % in 30 nights, which is no jump: the average of all of them tells."""
    has, taken, night = Decimal("100.00"), list[Step](), 0
    matched = pl.LazyFrame({"merchant_id": ["1"] * 100})
    while True:
        night += 1
        price = (has * Decimal("0.98")).quantize(Decimal("0.01"))
        row = with_earlier_prices(differing(str(price), str(has)), steps(taken), PRICE_JUMP)
        if trips := guards.check_prices(pl.concat([row] * 100), matched, Limits()):
            break
        taken.append((str(has), str(price), False))
        has = price
    assert [trip.guard for trip in trips] == ["prices_move"]
    assert night == 6 < PRICE_WINDOW.days
    assert "on average, all 100 prices would move by -11 % within 30 days" in trips[0].sentence
