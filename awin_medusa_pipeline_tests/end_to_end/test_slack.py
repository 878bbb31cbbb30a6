"""Slack in a whole sync: told once, later rather than never, and never the reason why a sync fails."""

from pathlib import Path

import pytest

from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline_tests.support.feeds import row, write_rows
from awin_medusa_pipeline_tests.support.pipeline import Pipeline

ALWAYS = 1_000


@pytest.fixture(autouse=True)
def feed(pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in ("builtin_handlers", "handler"):
        monkeypatch.setattr(f"slack_sdk.http_retry.{module}.time.sleep", lambda seconds: None)
    path = write_rows(tmp_path / "feed.csv", row("A"), row("B"))
    pipeline.environment.setenv("AWIN_FEED_URL", str(path))
    return path


def test_messages_that_slack_refused_come_with_the_next_chance(
    pipeline: Pipeline, sandbox: Sandbox, feed: Path
) -> None:
    sandbox.fail_slack(ALWAYS)
    good = pipeline.run()
    feed.rename(feed.with_suffix(".away"))
    bad = pipeline.end_of()
    assert bad.error
    assert sandbox.slack_messages() == []
    sandbox.fail_slack(0)
    feed.with_suffix(".away").rename(feed)
    last = pipeline.run()
    texts = [message["text"] for message in sandbox.slack_messages()]
    assert ["failed" in text.splitlines()[0] for text in texts] == [False, True, False]
    for text, run in zip(texts, (good, bad, last), strict=True):
        assert f"/runs/{run.run_id}|" in text
    # However often Dagster's daemon asks again.
    pipeline.tell_sensor(bad.run_id)
    assert len(sandbox.slack_messages()) == 3


def test_without_slack(pipeline: Pipeline, sandbox: Sandbox, feed: Path) -> None:
    pipeline.environment.delenv("SLACK_WEBHOOK_URL")
    pipeline.run()
    feed.unlink()
    assert pipeline.end_of().error
    assert sandbox.slack_messages() == []
    with pipeline.database() as database:
        assert Outbox(database).pending() == []
