"""The processes of Dagster that `awin-medusa ui` keeps running."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil

from awin_medusa_pipeline.defs.services import START_AGAIN, Service


def wait(ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_that_is_started_anew_comes_back_at_once_and_without_a_word(tmp_path: Path) -> None:
    told: list[str] = []
    before = {child.pid for child in psutil.Process().children()}

    def now() -> set[int]:
        return {child.pid for child in psutil.Process().children() if child.status() != "zombie"} - before

    # Any module serves: it ends by SIGINT, as Dagster does.
    service = Service("sleeper", ["-m", "http.server", "0", "--bind", "127.0.0.1"], tmp_path / "log", told.append)
    service.start()
    try:
        wait(lambda: any("http.server" in part for one in now() for part in psutil.Process(one).cmdline()))
        first, began = now(), time.monotonic()
        service.start_anew()
        wait(lambda: now() and not now() & first)
        assert time.monotonic() - began < START_AGAIN
        assert told == []
    finally:
        service.stop()
    assert now() == set()
