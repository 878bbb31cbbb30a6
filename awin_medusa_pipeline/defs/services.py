"""Runs Dagster's code server and daemon as processes of their own, and starts one again that has ended.

`python -m awin_medusa_pipeline.defs.services ARGUMENTS` is such a process: `dagster ARGUMENTS`, which ends with the
process that has started it, however that one ends.
"""

import logging
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOCATION = "awin_medusa_pipeline"
MODULE = "awin_medusa_pipeline.definitions"
WORKSPACE = """\
load_from:
  - grpc_server:
      socket: {socket}
      location_name: {location}
"""
OUTPUT = "output"
"""Folder of the log files; Dagster removes one that is called `logs` where telemetry is off (measured)."""
LOG_BYTES, LOG_FILES = 5 << 20, 2
START_AGAIN = 5.0  # seconds: one that ends at once must not keep a core busy
STARTING = 60.0  # seconds that the code server has until pages show that it is not there
ENDING = 10.0  # seconds that a process has to end by itself

Told = Callable[[str], None]


class Service:
    """One process of Dagster. Its output goes to a log file that stays small."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path, tell: Told) -> None:
        self.name, self._arguments, self._tell = name, arguments, tell
        self._log = _log_file(name, log)
        self._over, self._anew = threading.Event(), threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    def start(self) -> None:
        """Start it, and start it again whenever it ends."""
        self._thread.start()

    def start_anew(self) -> None:
        """End the process, and return when it has ended; another one takes its place at once."""
        self._anew.set()
        self._end(self._process)

    def stop(self) -> None:
        """End it."""
        self._over.set()
        self._end(self._process)
        self._thread.join(ENDING)

    @staticmethod
    def _end(process: subprocess.Popen[str] | None) -> None:
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()

    def _keep(self) -> None:
        while not self._over.is_set():
            command = [sys.executable, "-m", __spec__.name, *self._arguments]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            assert self._process.stdout is not None
            for line in self._process.stdout:
                self._log.info(line.rstrip("\n"))
            status = self._process.wait()
            if self._anew.is_set():
                self._anew.clear()
            elif not self._over.is_set():
                self._tell(f"Dagster's {self.name} ended with status {status} and is started again.")
                self._over.wait(START_AGAIN)


@dataclass(frozen=True)
class Services:
    """Code server and daemon, as they run."""

    workspace: Path
    """Workspace file of the code server."""
    start_anew: Callable[[], None]
    """Starts the code server again, which has read the settings; the daemon asks it."""


@contextmanager
def services(home: Path, tell: Told) -> Iterator[Services]:
    """Run code server and daemon in a Dagster home."""
    with tempfile.TemporaryDirectory(prefix="awin-medusa-") as folder:
        socket = Path(folder) / "code"
        workspace = home / "workspace.yaml"
        workspace.write_text(WORKSPACE.format(socket=socket, location=LOCATION))
        levels = ["--log-level", "warning"]
        code = ["api", "grpc", "--socket", str(socket), "--module-name", MODULE, "--location-name", LOCATION]
        code += ["--lazy-load-user-code", "--use-python-environment-entry-point", *levels]
        daemon = ["-m", "dagster._daemon"]
        code_server = Service("code server", code, home / OUTPUT / "code-server.log", tell)
        running = [
            code_server,
            Service(
                "daemon", [*daemon, "run", "--workspace", str(workspace), *levels], home / OUTPUT / "daemon.log", tell
            ),
        ]
        try:
            for service in running:
                service.start()
                # The others only show an error until they look again.
                wait_for_socket(socket)
            yield Services(workspace, code_server.start_anew)
        finally:
            for service in reversed(running):
                service.stop()


def wait_for_socket(socket: Path) -> None:
    """Wait until the code server listens, or for as long as it may take."""
    deadline = time.monotonic() + STARTING
    while not socket.exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def _log_file(name: str, file: Path) -> logging.Logger:
    file.parent.mkdir(parents=True, exist_ok=True)
    logger = logging.Logger(name)
    logger.addHandler(RotatingFileHandler(file, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"))
    return logger


def _end_with_parent() -> None:
    """Wait until the pipe from the parent closes, and end this process as Ctrl-C would."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGINT)


def main() -> None:
    """Run `dagster ARGUMENTS` until it ends, or the parent does."""
    # Dagster ends by the handler of SIGINT, which a background shell hands down as ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    module = "dagster"
    if sys.argv[1] == "-m":
        module = sys.argv[2]
        del sys.argv[1:3]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
