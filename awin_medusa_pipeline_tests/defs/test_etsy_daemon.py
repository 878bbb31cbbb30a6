"""An Etsy job on Dagster's real daemon: requested and confirmed by command line, started by the sensor."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.defs.launch import dagster_home
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline_tests.defs.test_daemon import PROGRAMS, wait_for
from awin_medusa_pipeline_tests.defs.test_daemon import daemon as daemon
from awin_medusa_pipeline_tests.defs.test_daemon import folder as folder
from awin_medusa_pipeline_tests.end_to_end.test_etsy import connect
from awin_medusa_pipeline_tests.support.goods import Goods


@pytest.fixture
def environment(sandbox: Sandbox, shop: Shop, folder: Path) -> Iterator[Mapping[str, str]]:
    """An empty shop, and a connected one at Etsy."""
    settings = sandbox.environment() | {
        "AWIN_MEDUSA_HOME": str(folder / "home"),
        "DAGSTER_HOME": str(folder / "dagster"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        with App(Settings()) as app:
            dagster_home(app)
            connect(app.etsy, sandbox.etsy)
        yield os.environ


def test_from_a_request_to_a_listing(
    daemon: Path, environment: Mapping[str, str], sandbox: Sandbox, folder: Path
) -> None:
    product = Goods(sandbox).add("lamp")

    def awin_medusa(*arguments: str) -> None:
        command = [PROGRAMS / "awin-medusa", "etsy", *arguments]
        result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr

    awin_medusa("request", "lamp")
    with App(Settings()) as app, dg.DagsterInstance.get() as instance:
        etsy = app.etsy
        (job,) = etsy.jobs.all()
        assert etsy.links.of_products(1, [product])[product].sync_status == "pending"
        wait_for("A look of the sensor", lambda: "etsy_confirmation_sensor" in daemon.read_text(), daemon)
        assert instance.get_runs_count(dg.RunsFilter(job_name="etsy_sync_job")) == 0
        awin_medusa("confirm", job.transaction_id)
        wait_for("The last message", lambda: len(sandbox.slack_messages()) == 3, daemon)
        assert etsy.jobs.get(job.transaction_id).status == "completed"
        (run,) = instance.get_runs(dg.RunsFilter(job_name="etsy_sync_job"))
        assert run.tags["dagster/sensor_name"] == "etsy_confirmation_sensor"
        assert run.tags["awin_medusa/etsy"] == "1"
        assert etsy.jobs.get(job.transaction_id).run_id == run.run_id
        assert etsy.links.of_products(1, [product])[product].sync_status == "synced"
    assert [listing["fields"]["title"] for listing in sandbox.etsy.listings()] == ["Lamp"]
    first_lines = [message["text"].splitlines()[0] for message in sandbox.slack_messages()]
    assert [line.partition(": ")[2] for line in first_lines] == [
        "1 product for your confirmation",
        "1 product on the way",
        "1 synced",
    ]
