"""Gathers what there is to do today: at most five cards, each a question with one action."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.console.reads import plans, runs
from awin_medusa_pipeline.console.reads.charts import Day
from awin_medusa_pipeline.console.surroundings import DagsterSide
from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline.etsy.store.jobs import JobStatus
from awin_medusa_pipeline.etsy.store.models import SyncStatus
from awin_medusa_pipeline.sync.domain.kinds import KINDS
from awin_medusa_pipeline.sync.store.feed_history import FeedHistory

OLD_FEED = timedelta(hours=48)
SHOWN_MESSAGES = 15
FOUND = ("missing_in_medusa", "medusa_only", "stock_mismatches", "price_mismatches", "content_mismatches", "returning")


@dataclass(frozen=True)
class Card:
    """One question, and where it is answered."""

    question: str
    facts: str
    action: str
    address: str
    tone: str = "wait"


@dataclass(frozen=True)
class State:
    """How it is now, and how the last run ended: two things that are easily taken for one."""

    now: str
    now_tone: str
    last: str
    last_tone: str
    last_run: runs.RunView | None


@dataclass(frozen=True)
class Message:
    """One message to the shop owner."""

    at: datetime
    title: str
    rest: str


def state(app: App, dagster: DagsterSide) -> State:
    """How it is now, and how the last run ended."""
    newest = runs.newest(app, dagster)
    if newest is None:
        return State("not known yet", "", "no run yet", "", None)
    waiting = [view for view in plans.all_plans(app) if view.waits]
    pending = [job for job in app.etsy.jobs.all(JobStatus.PENDING) if job.expires_at > datetime.now(UTC)]
    ended = newest.ended.partition(":")[0] + (" (dry run)" if newest.run.dry_run else "")
    if waiting or pending:
        now, tone = "waits for you", "wait"
    elif newest.tone == "bad":
        now, tone = "needs a look", "bad"
    elif newest.run.dry_run and newest.total.planned:
        now, tone = "differs from the feed", "wait"
    else:
        now, tone = "in line", "good"
    return State(now, tone, ended, newest.tone, newest)


def cards(app: App, dagster: DagsterSide) -> list[Card]:
    """What there is to do; empty when there is nothing."""
    return [
        card for found in (_plans(app), _failures(app, dagster), _drift(app), _etsy(app), _feed(app)) for card in found
    ]


def going_on(app: App, dagster: DagsterSide) -> runs.RunView | None:
    """The newest run, while it goes on."""
    newest = runs.newest(app, dagster)
    return newest if newest and newest.run.finished_at is None and newest.tone != "bad" else None


def _plans(app: App) -> Sequence[Card]:
    waiting = [view for view in plans.all_plans(app) if view.waits]
    if not waiting:
        return ()
    rows = sum(view.plan.row_count for view in waiting)
    kinds = ", ".join(dict.fromkeys(KINDS[view.kind].words for view in waiting))
    question = "Shall this be done?" if len(waiting) == 1 else f"Shall these {len(waiting)} plans be carried out?"
    address = f"/plans/{waiting[0].plan.hash}" if len(waiting) == 1 else "/plans"
    return [Card(question, f"{rows:,} changes wait for you: {kinds}.", "Look at them", address)]


def _failures(app: App, dagster: DagsterSide) -> Sequence[Card]:
    newest = runs.newest(app, dagster)
    if newest is None or newest.tone != "bad":
        return ()
    facts = f"{newest.total.failed:,} changes failed." if newest.total.failed else f"The last run {newest.ended}."
    return [Card("What went wrong in the last run?", facts, "See the reasons", f"/runs/{newest.run.run_id}", "bad")]


def _drift(app: App) -> Sequence[Card]:
    changed = sum(
        len(app.etsy.links.of_account(account.id, SyncStatus.OUT_OF_SYNC)) for account in app.etsy.accounts.active()
    )
    if not changed:
        return ()
    facts = f"{changed:,} products have changed in the shop since Etsy was given them."
    return [Card("Shall Etsy get the changes?", facts, "Choose products", "/products?etsy=out_of_sync")]


def _etsy(app: App) -> Sequence[Card]:
    waiting = [job for job in app.etsy.jobs.all(JobStatus.PENDING) if job.expires_at > datetime.now(UTC)]
    if not waiting:
        return ()
    products = sum(job.total_products for job in waiting)
    address = f"/etsy/{waiting[0].transaction_id}" if len(waiting) == 1 else "/etsy"
    soonest = min(job.expires_at for job in waiting)
    facts = f"{products:,} products wait for your confirmation until {soonest:%H:%M} UTC."
    return [Card("Shall these products go to Etsy?", facts, "Look and confirm", address)]


def _feed(app: App) -> Sequence[Card]:
    history = FeedHistory(app.database)
    newest = history.newest_accepted()
    if newest is None or newest > datetime.now(UTC) - OLD_FEED:
        return ()
    facts = f"The last feed that was accepted came on {newest:%Y-%m-%d %H:%M} UTC."
    return [Card("Why does no new feed come?", facts, "Check the feed", "/settings#health")]


def messages(app: App) -> list[Message]:
    """The newest messages to the shop owner, newest first."""
    found = []
    for message in Outbox(app.database).newest(SHOWN_MESSAGES):
        title, _, rest = str(message.payload.get("text", "")).partition("\n")
        found.append(Message(message.created_at, title, rest.strip()))
    return found


def days(app: App) -> list[Day]:
    """Differences found and changes applied by day, of the last 30 days, oldest first."""
    by_day: dict[str, Day] = {}
    for summary in runs.summaries(app):
        day = str(summary["started_at"])[:10]
        applied = sum(summary[kind]["applied"] for kind in KINDS if kind in summary)
        found = sum(summary.get(name, 0) for name in FOUND)
        # Summaries come newest first: the day's last comparison counts, and all that was applied.
        before = by_day.get(day)
        by_day[day] = Day(day, before.found if before else found, applied + (before.applied if before else 0))
    today = datetime.now(UTC).date()
    names = [str(today - timedelta(days=back)) for back in reversed(range(runs.DAYS))]
    return [by_day.get(name, Day(name, None, 0)) for name in names]
