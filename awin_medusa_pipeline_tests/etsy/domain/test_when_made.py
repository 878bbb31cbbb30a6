"""When a product was made, by its meaning: no January changes what was meant."""

from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, ValidationError

from awin_medusa_pipeline.etsy.domain.when_made import WhenMade, etsy_group, is_vintage
from awin_medusa_pipeline.sandbox.etsy.rules import fields


class Stored(BaseModel):
    when_made: WhenMade


def in_year(value: str, year: int) -> str:
    """What Etsy is sent in the middle of a year for what a person once stored."""
    return etsy_group(Stored(when_made=value).when_made, datetime(year, 6, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("stored", "in_2026", "in_2027"),
    [
        ("made_to_order", "made_to_order", "made_to_order"),
        ("this_decade", "2020_2026", "2020_2027"),
        ("2020_2025", "2020_2026", "2020_2027"),
        ("2020_2026", "2020_2026", "2020_2027"),
        ("2010_2019", "2010_2019", "2010_2019"),
        ("2006_2009", "2007_2009", "2008_2009"),
        ("2000_2005", "2000_2006", "2000_2007"),
        ("before_2006", "before_2007", "before_2008"),
        ("vintage", "before_2007", "before_2008"),
        ("1990s", "1990s", "1990s"),
        ("1800s", "1800s", "1800s"),
        ("before_1700", "before_1700", "before_1700"),
    ],
)
def test_a_group_that_moves_each_january_keeps_its_meaning(stored: str, in_2026: str, in_2027: str) -> None:
    assert (in_year(stored, 2026), in_year(stored, 2027)) == (in_2026, in_2027)
    assert in_2026 in fields.WHEN_MADE


@pytest.mark.parametrize(
    ("stored", "year", "sent"),
    [
        ("this_decade", 2029, "2020_2029"),
        ("this_decade", 2030, "2030_2030"),
        ("2020_2029", 2031, "2020_2029"),
        ("late_2000s", 2029, "2000_2009"),
        ("vintage_2000s", 2035, "2000_2009"),
        ("2000_2009", 2035, "2000_2009"),
    ],
)
def test_when_a_decade_is_over(stored: str, year: int, sent: str) -> None:
    assert in_year(stored, year) == sent


@pytest.mark.parametrize(("hour", "sent"), [(4, "2020_2026"), (5, "2020_2027")])
def test_the_year_is_that_of_etsy(hour: int, sent: str) -> None:
    assert etsy_group("this_decade", datetime(2027, 1, 1, hour, tzinfo=UTC)) == sent


@pytest.mark.parametrize("wrong", ["yesterday", "", "2020", "2020-2026", "90s"])
def test_what_is_no_time(wrong: str) -> None:
    with pytest.raises(ValidationError):
        Stored(when_made=wrong)


def test_what_is_twenty_years_old() -> None:
    meanings = {value: Stored(when_made=value).when_made for value in fields.WHEN_MADE}
    new = {"made_to_order", "2020_2026", "2010_2019", "2007_2009"}
    assert {value for value, meaning in meanings.items() if not is_vintage(meaning)} == new
