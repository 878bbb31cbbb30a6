"""Several feeds at once: all of them or none, and the history says which one was at fault."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain.feed.errors import FeedError
from awin_medusa_pipeline.sync.engine.intake import take_feeds
from awin_medusa_pipeline.sync.store.feed_history import FeedHistory, FeedState
from awin_medusa_pipeline_tests.support.feeds import row, text_of

GOOD = text_of(row("a"), row("b"))
OTHER = text_of(row("c"))
BAD = text_of(row("d", search_price="0"))


@pytest.fixture
def history(tmp_path: Path) -> Iterator[FeedHistory]:
    with open_database(f"sqlite:///{tmp_path}/state.db") as database:
        yield FeedHistory(database)


def take(history: FeedHistory, folder: Path, monkeypatch: pytest.MonkeyPatch, *texts: str) -> list[str]:
    """SKUs of the offers of feeds 1.csv, 2.csv, ..."""
    files = [folder / f"{number}.csv" for number in range(1, len(texts) + 1)]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    monkeypatch.setenv("AWIN_FEED_URL", " ".join(map(str, files)))
    settings = Settings()
    intake = take_feeds(
        App(settings).feed_source,
        history,
        "run",
        downloads=folder / "downloads",
        parts=folder / "parts",
        limits=settings.guard_limits,
        progress=lambda *_: None,
        accept_smaller=False,
    )
    return intake.tables.offers.collect()["merchant_product_id"].to_list()


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
