"""Settings that are more than one value."""

import pytest
from pydantic import ValidationError

from awin_medusa_pipeline.cli.errors import sentence_of
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain.rules import GentleHours, Owner


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", {"*": Owner.FEED}),
        ("shop", {"*": Owner.SHOP}),
        ("ask 12345=shop", {"*": Owner.ASK, "12345": Owner.SHOP}),
        ("12345=first-write", {"*": Owner.FEED, "12345": Owner.FIRST_WRITE}),
    ],
)
def test_who_owns_the_price(monkeypatch: pytest.MonkeyPatch, value: str, expected: dict[str, Owner]) -> None:
    monkeypatch.setenv("SYNC_OWNER_PRICE", value)
    assert Settings().owners["price"] == expected
    assert Settings().owners["title"] == {"*": Owner.FIRST_WRITE}


NO_OWNER = "Input should be 'feed', 'shop', 'first-write' or 'ask'"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SYNC_OWNER_IMAGES", "mine", NO_OWNER),
        ("SYNC_OWNER_IMAGES", "12345=Feed", NO_OWNER),
        ("SYNC_OWNER_IMAGES", "feed 12345=", "'12345=' names no merchant or no value"),
        ("SYNC_PRICE_COLUMN", "12345=", "'12345=' names no merchant or no value"),
        ("SYNC_PRICE_COLUMN", "search_price 12345= base_price", "'12345=' names no merchant or no value"),
        ("SYNC_PRICE_COLUMN", "=base_price", "'=base_price' names no merchant or no value"),
    ],
)
def test_half_a_rule_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert name in (sentence := str(sentence_of(caught.value)))
    assert told in sentence


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", None), ("8-20", GentleHours(8, 20)), ("22-6", GentleHours(22, 6)), ("0-24", GentleHours(0, 24))],
)
def test_gentle_hours(monkeypatch: pytest.MonkeyPatch, value: str, expected: GentleHours | None) -> None:
    monkeypatch.setenv("SYNC_GENTLE_HOURS", value)
    assert Settings().gentle_hours == expected


@pytest.mark.parametrize("value", ["8", "8-25", "24-6", "8-8", "8:00-20:00", "night", "-"])
def test_hours_that_are_none_are_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SYNC_GENTLE_HOURS", value)
    with pytest.raises(ValidationError, match="two different hours: write 8-20"):
        Settings()
