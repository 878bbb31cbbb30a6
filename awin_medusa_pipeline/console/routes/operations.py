"""Serves metrics for Prometheus, and the page that describes the API."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from awin_medusa_pipeline.console.pages import page
from awin_medusa_pipeline.console.reads import plans, runs
from awin_medusa_pipeline.console.surroundings import Around, Surroundings
from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline.etsy.store.jobs import JobStatus
from awin_medusa_pipeline.etsy.store.models import SyncStatus
from awin_medusa_pipeline.sync.domain.operations import OUTCOMES
from awin_medusa_pipeline.sync.store.feed_history import FeedHistory

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
def metrics(around: Around) -> Response:
    """Numbers for Prometheus, read from the state store at every scrape, so they are right after a restart."""
    registry = CollectorRegistry()
    registry.register(StateCollector(around))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/api")
def describe_api(request: Request) -> Response:
    """Describe the API in a page without scripts of others."""
    described: dict[str, Any] = request.app.openapi()
    return page(request, "api.html", api=described)


class StateCollector(Collector):
    """Reads the state store."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def collect(self) -> Iterator[Metric]:
        """Yield every number."""
        app, dagster = self._around.app, self._around.dagster
        yield _gauge("dagster_alive", "Whether a daemon of Dagster runs", dagster.alive())
        if newest := runs.newest(app, dagster):
            yield _gauge("last_run_timestamp_seconds", "Start of the newest run", newest.run.started_at.timestamp())
            yield _gauge("last_run_ok", "Whether nothing failed in the newest run", newest.tone != "bad")
            family = _family("last_run_operations", "Operations of the newest run", "kind", "outcome")
            for kind, counts in newest.counts.items():
                for outcome in OUTCOMES:
                    family.add_metric([str(kind), outcome], counts.as_dict()[outcome])
            yield family
        found = _family("last_summary", "Numbers of the newest summary", "number")
        for name, value in (next(runs.summaries(app), None) or {}).items():
            if type(value) is int:
                found.add_metric([name], value)
        yield found
        if accepted := FeedHistory(app.database).newest_accepted():
            yield _gauge("feed_accepted_timestamp_seconds", "When a feed was accepted last", accepted.timestamp())
        waiting = [view for view in plans.all_plans(app) if view.waits]
        yield _gauge("plans_waiting", "Plans that wait for a person", len(waiting))
        jobs = _family("etsy_jobs", "Etsy jobs that are not finished", "status")
        for status in (JobStatus.PENDING, JobStatus.CONFIRMED, JobStatus.PROCESSING):
            jobs.add_metric([str(status)], len(app.etsy.jobs.all(status)))
        yield jobs
        listings = _family("etsy_products", "Products by their state on Etsy", "shop", "status")
        for account in app.etsy.accounts.active():
            for state in SyncStatus:
                number = len(app.etsy.links.of_account(account.id, state))
                listings.add_metric([account.shop_name, str(state)], number)
        yield listings
        yield _gauge("messages_unsent", "Messages that Slack has not taken", len(Outbox(app.database).pending()))


def _family(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"awin_medusa_{name}", words, labels=labels)


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"awin_medusa_{name}", words, value=value)
