"""Starts background processes that outlive the command line, finds them again and ends them by recorded id."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awin_medusa_pipeline.core.messages import duration_text
from awin_medusa_pipeline.core.ports import port_is_free
from awin_medusa_pipeline.sandbox.errors import SandboxError

Progress = Callable[[str, str], None]
"""Called repeatedly per step, with the step ("Installing Medusa") and its state ("12 s, 640 packages")."""

LOG_LINES_SHOWN = 12
START_SECONDS = 300.0  # a busy machine takes a minute; one that ends is noticed at once
PATIENCE = 10.0
PORT_PATIENCE = 1.0
MARK = "AWIN_MEDUSA_SANDBOX_SERVICE"


def silent(step: str, state: str) -> None:
    """A Progress that shows nothing."""


def last_lines(log: Path) -> str:
    """Return the end of a log, without blank lines, for error messages."""
    if not log.exists():
        return "(no output)"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return "\n".join(lines[-LOG_LINES_SHOWN:]) or "(no output)"


def identity(pid: int) -> str | None:
    """Return the start time, which distinguishes a process from a later one with the same id; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _identity_by_ps(pid)
    except ProcessLookupError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return None if state in "ZX" else f"{boot}:{rest[18]}"


def _identity_by_ps(pid: int) -> str | None:
    # For systems without /proc (macOS).
    ps = shutil.which("ps")
    if ps is None:
        return None
    answer = subprocess.run([ps, "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, started = answer.stdout.strip().partition(" ")
    return started.strip() or None if not state.startswith("Z") else None


def run_logged(
    argv: Sequence[str | Path],
    *,
    tried: str,
    log: Path,
    env: Mapping[str, str],
    cwd: Path,
    tick: Callable[[float], None],
    seconds: float,
) -> int:
    """Run a program to its end, write its output to `log`, and return its exit code.

    `tick` is called twice a second with the seconds so far. The program is ended after `seconds` or on interruption, by
    force when it does not listen. Raises SandboxError (`tried`: its beginning) when its time is over.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in argv],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None and time.monotonic() - began < seconds:
                tick(time.monotonic() - began)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.5)
        finally:
            out_of_time = process.poll() is None
            if out_of_time:
                _end(process)
    tick(time.monotonic() - began)
    if out_of_time:
        raise SandboxError(
            tried,
            f"it was not done after {duration_text(seconds)}; the end of {log} is:\n{last_lines(log)}\n",
            "What is there already is kept: run the command again, best when this machine has less to do.",
        )
    return process.returncode


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program, by force after PATIENCE."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _marked(mark: str) -> list[int]:
    """Find processes started with this mark in their environment; finds none without /proc (macOS)."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        # Processes end while we look, and we may not read those of other users.
        with contextlib.suppress(OSError):
            if os.fsencode(f"{MARK}={mark}") in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
    return found


@dataclass(frozen=True)
class Service:
    """A background process with a record in `folder/run` and a log in `folder/logs`."""

    name: str
    folder: Path
    port: int
    ending: signal.Signals = signal.SIGTERM
    """Signal that ends the process and its open connections."""

    @property
    def log(self) -> Path:
        """Output since the last start."""
        return self.folder / "logs" / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """File with process id and identity, as JSON."""
        return self.folder / "run" / f"{self.name}.json"

    @property
    def pid(self) -> int | None:
        """Process id while it runs; None if it ended or its id now belongs to another process."""
        try:
            record = json.loads(self.record.read_text())
            pid, known = int(record["pid"]), str(record["identity"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return pid if identity(pid) == known else None

    def prepare(self) -> None:
        """Make sure that it can be started unless it runs. Raises SandboxError if its port is taken."""
        if self.pid is not None:
            return
        self.stop_lost()
        # A multi-threaded process counts as ended a moment before its port is free.
        deadline = time.monotonic() + PORT_PATIENCE
        while not (free := port_is_free(self.port)) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not free:
            raise SandboxError(
                f"Starting {self.name} of the sandbox on port {self.port}",
                "another program uses that port",
                "End that program, or choose another port: awin-medusa sandbox up --port N (it takes N to N+4).",
            )

    def start(self, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, **run_as: Any) -> None:
        """Start the process in its own session, so that it outlives the command line."""
        self.prepare()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**env, MARK: self._mark},
                cwd=cwd,
                start_new_session=True,
                **run_as,
            )
        self._keep(process.pid)
        # The process outlives us on purpose; without this, Python warns about a running child.
        process.returncode = 0

    @property
    def _mark(self) -> str:
        return str(self.folder / self.name)

    def _keep(self, pid: int) -> None:
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.record.write_text(json.dumps({"pid": pid, "identity": identity(pid)}))

    def wait_until(
        self, ready: Callable[[], bool], progress: Progress, step: str, seconds: float = START_SECONDS
    ) -> None:
        """Wait for `ready`. Raises SandboxError with the end of the log if the process ends or time runs out."""
        began = time.monotonic()
        while not ready():
            waited = time.monotonic() - began
            ended = self.pid is None
            if ended or waited > seconds:
                raise SandboxError(
                    f"Starting {self.name} of the sandbox",
                    f"{'it ended' if ended else f'it gave no answer for {seconds:.0f} s'}; the end of {self.log} is:\n"
                    f"{last_lines(self.log)}\n",
                    "If that does not say why: awin-medusa sandbox down --purge, then up, builds it anew.",
                )
            progress(step, f"{waited:.0f} s")
            time.sleep(0.1)

    def stop_lost(self) -> None:
        """End a process that lost its record because its folder was removed."""
        if self.pid is None:
            for pid in _marked(self._mark):
                self._keep(pid)
                self.stop()

    def stop(self, patience: float = PATIENCE) -> bool:
        """End the process, by force after `patience` seconds; return whether it was running."""
        found = self.pid
        for sent, seconds in ((self.ending, patience), (signal.SIGKILL, 5.0)):
            if (pid := self.pid) is None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sent)
            deadline = time.monotonic() + seconds
            while self.pid is not None and time.monotonic() < deadline:
                time.sleep(0.02)
        if found is not None:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(found, os.WNOHANG)
        self.record.unlink(missing_ok=True)
        return found is not None
