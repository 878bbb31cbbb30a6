"""Feed history: what was refused never becomes the measure for the next."""

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.sync.domain.feed.facts import FeedFacts, FeedVersion
from awin_medusa_pipeline.sync.store.feed_history import FeedHistory, FeedState, facts_of


def test_accepted_and_refused(database: Database) -> None:
    history = FeedHistory(database)
    assert (history.last_accepted("feed 1"), history.last_version("feed 1")) == (None, None)
    for number in range(4):
        history.record(
            "feed 1",
            f"run-{number}",
            FeedState.ACCEPTED,
            version=FeedVersion(f"{number}", 2**40),
            facts=FeedFacts("feed 1", 100 + number),
        )
    history.record("feed 1", "run-4", FeedState.REFUSED, reason="too_small", facts=FeedFacts("feed 1", 3))
    tagged = FeedVersion("4", 1, etag='"x"', last_modified="Sat, 21 Nov 2026 00:00:00 GMT")
    history.record("feed 2", "run-4", FeedState.ACCEPTED, version=tagged)

    last = history.last_accepted("feed 1")
    assert last is not None
    assert (last.run_id, last.rows, last.bytes, last.state) == ("run-3", 103, 2**40, FeedState.ACCEPTED)
    assert last.recorded_at.tzinfo is not None
    assert [feed.rows for feed in history.recent_accepted("feed 1", 3)] == [103, 102, 101]
    assert [feed.etag for feed in history.recent_accepted("feed 2", 5)] == ['"x"']
    assert (history.last_version("feed 1"), history.last_version("feed 2")) == (FeedVersion("3", 2**40), tagged)


def test_a_feed_is_judged_by_the_facts_that_were_recorded(database: Database) -> None:
    facts = FeedFacts("feed", 7, "h", {"1": 4, "2": 3}, {"1": 4}, {"no_price": 2, "duplicate": 1}, 5)
    feed = FeedHistory(database).record("feed", "run", FeedState.HELD, reason="odd", facts=facts)
    (read,) = FeedHistory(database).taken_by("run")
    assert facts_of(read) == facts_of(feed) == facts
    assert (read.rows, read.accepted, read.rejected, read.reason) == (10, 7, 3, "odd")


def test_a_repeated_step_counts_once(database: Database) -> None:
    history = FeedHistory(database)
    for rows in (1, 2):
        history.record("feed", "run", FeedState.ACCEPTED, facts=FeedFacts("feed", rows))
    assert [feed.rows for feed in history.recent_accepted("feed", 5)] == [2]
