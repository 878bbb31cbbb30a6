"""Settings that are more than one value."""

import pytest
from pydantic import ValidationError

from awin_medusa_pipeline.cli.errors import sentence_of
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain.ownership import Owner


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


@pytest.mark.parametrize("value", ["mine", "feed 12345=", "12345=Feed"])
def test_an_owner_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SYNC_OWNER_IMAGES", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    told = str(sentence_of(caught.value))
    assert "SYNC_OWNER_IMAGES: Input should be 'feed', 'shop', 'first-write' or 'ask'" in told
