"""Several feeds at once: all of them or none, and the history says which one was at fault."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain.feed.errors import FeedError
from awin_medusa_pipeline.sync.domain.rules import Limits, Scope
from awin_medusa_pipeline.sync.engine.intake import take_feeds, tripped_guards
from awin_medusa_pipeline.sync.store.feed_history import FeedHistory, FeedState
from awin_medusa_pipeline_tests.support.feeds import row, text_of

GOOD = text_of(row("a"), row("b"))
OTHER = text_of(row("c"))
BAD = text_of(row("d", search_price="0"))


@pytest.fixture
def history(tmp_path: Path) -> Iterator[FeedHistory]:
    with open_database(f"sqlite:///{tmp_path}/state.db") as database:
        yield FeedHistory(database)


def take(
    history: FeedHistory, folder: Path, monkeypatch: pytest.MonkeyPatch, *texts: str, run_id: str = "run"
) -> list[str]:
    """SKUs of the offers of feeds 1.csv, 2.csv, ..."""
    files = [folder / f"{number}.csv" for number in range(1, len(texts) + 1)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    monkeypatch.setenv("AWIN_FEED_URL", " ".join(map(str, files)))
    settings = Settings()
    intake = take_feeds(
        App(settings).feed_source,
        history,
        run_id,
        downloads=folder / "downloads",
        parts=folder / "parts" / run_id,
        limits=settings.guard_limits,
        progress=lambda *_: None,
        accept_smaller=False,
    )
    return intake.tables.offers.collect()["merchant_product_id"].to_list()


def test_a_merchant_whom_a_feed_did_not_speak_for_is_held(
    history: FeedHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of a merchant for whom another feed speaks are out; those of one who is new to all of them wait."""
    own = text_of(row("q", merchant_id="7002", search_price="80.00"), row("r", merchant_id="7002"))
    take(history, tmp_path, monkeypatch, GOOD, own)
    forged = text_of(
        row("a"), row("b"), row("q", merchant_id="7002", search_price="0.01"), row("z", merchant_id="7003")
    )
    take(history, tmp_path, monkeypatch, forged, own, run_id="second")
    first, second = history.of_run("second")
    assert (first.state, second.state) == (FeedState.HELD, FeedState.ACCEPTED)
    assert (first.merchants, second.merchants) == ({"7001": 2, "7003": 1}, {"7002": 2})
    assert first.rejected_by == {"foreign_row": 1}
    trips = [(trip.guard, trip.merchant_id, trip.holds) for trip in tripped_guards(history, "second", Limits())]
    assert trips == [("new_merchant", "7003", Scope.EVERYTHING), ("many_foreign_row", None, Scope.HIDE)]


def test_a_bloated_feed_is_no_measure_for_the_next(
    history: FeedHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bloated = text_of(row("a", product_name="x" * 999), row("b", product_name="y" * 999))
    for number, text in enumerate((GOOD, bloated, GOOD)):
        assert take(history, tmp_path, monkeypatch, text, run_id=f"run {number}") == ["a", "b"]
    assert {feed.state for number in range(3) for feed in history.of_run(f"run {number}")} == {FeedState.ACCEPTED}


def test_all_of_them(history: FeedHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert take(history, tmp_path, monkeypatch, GOOD, OTHER) == ["a", "b", "c"]
    assert [(feed.label, feed.state) for feed in history.taken_by("run")] == [
        ("1.csv", FeedState.ACCEPTED),
        ("2.csv", FeedState.ACCEPTED),
    ]


@pytest.mark.parametrize("texts", [(BAD, GOOD), (GOOD, BAD)], ids=["the first", "the last"])
def test_none_when_one_is_bad(
    history: FeedHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: tuple[str, str]
) -> None:
    with pytest.raises(FeedError, match="not one of its 1 rows"):
        take(history, tmp_path, monkeypatch, *texts)
    (refused,) = history.of_run("run")
    assert (refused.label, refused.state) == (f"{texts.index(BAD) + 1}.csv", FeedState.REFUSED)
