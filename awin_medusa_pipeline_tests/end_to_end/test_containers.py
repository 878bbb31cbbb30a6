"""Two containers' worth of processes on one shop: one applies, and the other one says who has the shop."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline_tests.support.plain import products_in

CONTAINER = ["unshare", "--user", "--map-root-user", "--pid", "--uts", "--ipc", "--fork", "--mount-proc"]
CAN_UNSHARE = (
    shutil.which("unshare") is not None and subprocess.run([*CONTAINER, "true"], capture_output=True).returncode == 0
)
SYNC = "from awin_medusa_pipeline.cli.main import app; app()"
OFFERS = 400


@pytest.mark.shop
@pytest.mark.skipif(not CAN_UNSHARE, reason="this machine makes no namespaces for tests")
def test_one_of_two_containers_of_one_name_applies(sandbox: Sandbox, shop: Shop, tmp_path: Path) -> None:
    offers = write_feed(sandbox.feed_file, offers=OFFERS, quirks=False).offers
    settings = os.environ | sandbox.environment() | {"AWIN_MEDUSA_HOME": str(tmp_path / "home")}

    def start(number: int) -> subprocess.Popen[str]:
        inside = ["sh", "-c", 'hostname shop && exec "$@"', "sh", sys.executable, "-c", SYNC, "sync", "--yes"]
        environment = {**settings, "DAGSTER_HOME": str(tmp_path / f"dagster-{number}")}
        return subprocess.Popen(
            [*CONTAINER, *inside], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    both = [start(number) for number in range(2)]
    told = [process.communicate(timeout=300)[0] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1], told
    (refused,) = [text for text, process in zip(told, both, strict=True) if process.returncode]
    assert "has held it since" in " ".join(refused.split())
    made = Counter(variant["sku"] for product in products_in(shop).values() for variant in product["variants"])
    assert (len(made), set(made.values())) == (offers, {1})
