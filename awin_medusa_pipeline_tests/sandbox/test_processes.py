"""Background processes: found again by identity, never mistaken for another."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from awin_medusa_pipeline.core.ports import HOST
from awin_medusa_pipeline.sandbox import SandboxError, processes
from awin_medusa_pipeline.sandbox.processes import Service, identity, last_lines, run_logged, silent

SLEEP = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)",
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def service(tmp_path: Path):
    made = Service("sleeper", tmp_path, free_port())
    yield made
    made.stop()


def start(service: Service, argv: list[str] = SLEEP) -> int:
    service.start(argv, env=os.environ, cwd=service.folder)
    service.wait_until(lambda: service.log.stat().st_size > 0, silent, "Starting")
    assert service.pid is not None
    return service.pid


def test_found_by_another_process_and_ended(service: Service):
    pid = start(service)
    again = Service("sleeper", service.folder, service.port)
    assert again.pid == pid
    assert again.stop() is True
    assert again.pid is None
    assert identity(pid) is None
    assert again.stop() is False


def test_ended_by_force_when_it_does_not_listen(service: Service):
    pid = start(service, STUBBORN)
    assert service.stop(patience=0.2) is True
    assert identity(pid) is None


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({"pid": "theirs", "identity": "another boot:1"}, id="the id belongs to another process now"),
        pytest.param({"pid": 2**22 + 1, "identity": "x"}, id="no such process"),
        pytest.param({}, id="empty record"),
        pytest.param("torn", id="half-written record"),
    ],
)
def test_stale_record_ends_nobody(service: Service, record: object):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as theirs:
        if isinstance(record, dict) and record.get("pid") == "theirs":
            record = {**record, "pid": theirs.pid}
        service.record.parent.mkdir(parents=True)
        service.record.write_text('{"pid": 1' if record == "torn" else json.dumps(record))
        assert service.pid is None
        assert service.stop() is False
        time.sleep(0.05)
        assert theirs.poll() is None
        theirs.kill()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_process_whose_record_is_lost_is_ended_before_a_new_one_starts(service: Service):
    lost = start(service)
    service.record.unlink()
    assert service.pid is None
    assert start(service) != lost
    assert identity(lost) is None


def test_port_taken(service: Service):
    with socket.socket() as other:
        other.bind((HOST, service.port))
        other.listen()
        with pytest.raises(SandboxError, match=f"port {service.port}.*another program uses that port.*--port"):
            service.start(SLEEP, env=os.environ, cwd=service.folder)
    assert service.pid is None


def test_end_of_the_log_is_shown_when_it_ends_early(service: Service):
    service.start([sys.executable, "-c", "print('no such table')"], env=os.environ, cwd=service.folder)
    with pytest.raises(SandboxError, match=r"it ended.*\n.*no such table"):
        service.wait_until(lambda: False, silent, "Starting")


@pytest.mark.parametrize("program", [SLEEP, STUBBORN], ids=["one that listens", "one that does not"])
def test_run_out_of_time_is_ended_and_told_in_a_sentence(
    tmp_path: Path, program: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(processes, "PATIENCE", 0.2)
    ticks: list[float] = []
    with pytest.raises(SandboxError, match=r"Installing: it was not done after 1 s; .*\n(here|1)\n"):
        run_logged(
            program,
            tried="Installing",
            log=tmp_path / "log",
            env=os.environ,
            cwd=tmp_path,
            tick=ticks.append,
            seconds=1,
        )
    assert ticks[-1] >= 1


def test_run_that_ends_gives_its_exit_code(tmp_path: Path):
    program = [sys.executable, "-c", "print('done'); raise SystemExit(3)"]
    log = tmp_path / "log"
    code = run_logged(program, tried="x", log=log, env=os.environ, cwd=tmp_path, tick=lambda seconds: None, seconds=30)
    assert (code, last_lines(log)) == (3, "done")
