"""Feed history: what was refused never becomes the measure for the next."""

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.store.feed_history import FeedHistory, FeedState


def test_accepted_and_refused(database: Database) -> None:
    history = FeedHistory(database)
    assert history.last_accepted("feed 1") is None
    for number in range(4):
        history.record(
            "feed 1", f"run-{number}", FeedState.ACCEPTED, sha256=f"{number}", rows=100 + number, bytes=2**40
        )
    history.record("feed 1", "run-4", FeedState.REFUSED, reason="too_small", rows=3)
    history.record("feed 2", "run-4", FeedState.ACCEPTED, etag='"x"', last_modified="Sat, 21 Nov 2026 00:00:00 GMT")

    last = history.last_accepted("feed 1")
    assert last is not None
    assert (last.run_id, last.rows, last.bytes, last.state) == ("run-3", 103, 2**40, FeedState.ACCEPTED)
    assert last.recorded_at.tzinfo is not None
    assert [feed.rows for feed in history.recent_accepted("feed 1", 3)] == [103, 102, 101]
    assert [feed.etag for feed in history.recent_accepted("feed 2", 5)] == ['"x"']


def test_a_repeated_step_counts_once(database: Database) -> None:
    history = FeedHistory(database)
    history.record("feed", "run", FeedState.ACCEPTED, rows=1)
    history.record("feed", "run", FeedState.ACCEPTED, rows=2)
    assert [feed.rows for feed in history.recent_accepted("feed", 5)] == [2]
