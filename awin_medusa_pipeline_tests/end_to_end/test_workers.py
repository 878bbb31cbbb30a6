"""The same sync in one process and by workers of Celery; and a run whose process or machine dies is taken up."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from upath import UPath

from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sandbox.postgres import Postgres
from awin_medusa_pipeline.sync.store.past_reports import folders
from awin_medusa_pipeline_tests.support.fault_proxy import FaultProxy
from awin_medusa_pipeline_tests.support.pipeline import pipeline_on
from awin_medusa_pipeline_tests.support.plain import products_in
from awin_medusa_pipeline_tests.support.workers import Workers, workers_on
from awin_medusa_pipeline_tests.tools.chaos.judge import Findings
from awin_medusa_pipeline_tests.tools.chaos.workers import RUN, WORKER, Days

FEED = {"offers": 60, "merchants": 2}
OTHERWISE = re.compile(
    r"\b[a-z]+_[0-9A-Z]{26}\b|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)|\"seconds\": [\d.]+"
)
"""What differs between two runs that do the same: ids of Medusa and of runs, times."""


@pytest.fixture(scope="module")
def proxy(sandbox: Sandbox) -> Iterator[FaultProxy]:
    sandbox.reset()
    with FaultProxy(sandbox.shop.base_url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def alone(sandbox: Sandbox, proxy: FaultProxy, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The shop and the reports after a first sync in one process; the shop is empty again."""
    write_feed(sandbox.feed_file, day=0, quirks=False, **FEED)
    with pipeline_on(sandbox, tmp_path_factory.mktemp("alone"), MEDUSA_BACKEND_URL=proxy.address) as pipeline:
        reports = told_in(UPath(pipeline.run().folder))
    products = products_in(sandbox.shop)
    sandbox.reset()
    return products, reports


@pytest.fixture(scope="module")
def workers(
    alone: object, sandbox: Sandbox, proxy: FaultProxy, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workers]:
    """Two workers on the empty shop."""
    settings = sandbox.environment() | {"MEDUSA_BACKEND_URL": proxy.address}
    with workers_on(settings, postgres, tmp_path_factory.mktemp("workers")) as workers:
        yield workers


def told_in(folder: UPath) -> dict[str, list[str]]:
    """The lines of every report, without what no two runs have in common."""
    return {
        path.name: sorted(OTHERWISE.sub("*", line) for line in path.read_text(encoding="utf-8").splitlines())
        for path in folder.iterdir()
    }


def without_ids(products: dict[str, Any]) -> Any:
    """What was read from a shop, without what no two shops have in common."""
    return json.loads(OTHERWISE.sub("*", json.dumps(products, sort_keys=True)))


def test_a_sync_by_workers_is_the_sync_of_one_process(
    workers: Workers, alone: tuple[Any, Any], sandbox: Sandbox
) -> None:
    workers.ask_for_sync()
    (run,) = workers.wait_for_runs(1)
    assert run.status is dg.DagsterRunStatus.SUCCESS
    products, reports = alone
    assert without_ids(products_in(sandbox.shop)) == without_ids(products)
    with workers.at_home() as home:
        (folder,) = folders(home)
        assert told_in(folder) == reports


@pytest.mark.parametrize(("day", "killed"), [(1, RUN), (2, WORKER)])
def test_a_run_is_taken_up_elsewhere(
    day: int, killed: str, workers: Workers, sandbox: Sandbox, proxy: FaultProxy, tmp_path: Path
) -> None:
    """In the middle of an import: its request is under way."""
    days = Days(workers, sandbox, proxy, tmp_path, FEED)
    taken = days.disturb(day, killed, "POST /admin/products/batch", patient=False)
    assert taken
    assert taken.findings == Findings()
