"""Provides the sandboxes of a test session: one per worker, each a copy of one template, made while other tests run.

Medusa's packages and the template are kept in `.awin_medusa_test` between sessions; the copies are in memory where
there is room: each test makes a database anew. Sessions at the same time, and the workers of one, get a place each.
AWIN_MEDUSA_TEST_HOME and AWIN_MEDUSA_TEST_PORT choose another folder and port.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from awin_medusa_pipeline.core.ports import port_is_free
from awin_medusa_pipeline.sandbox import PORTS, Sandbox
from awin_medusa_pipeline.sandbox.etsy.settings import strictest
from awin_medusa_pipeline.sandbox.medusa import exclusive
from awin_medusa_pipeline.sandbox.processes import Progress, silent
from awin_medusa_pipeline.settings import PROJECT_ROOT
from awin_medusa_pipeline_tests.support.places import in_memory

TEST_HOME = Path(os.environ.get("AWIN_MEDUSA_TEST_HOME", PROJECT_ROOT / ".awin_medusa_test"))
SOFTWARE = TEST_HOME / "software"
STRICT = strictest(behind_seconds=0)
"""The stand-in for Etsy at its strictest, but with reads that no test has to wait for."""
REMEMBER_KEYS = Path(__file__).with_name("remember_keys.cjs")
FIRST_PORT, PORTS_A_PLACE = 22000, 60
# Sessions of several clones on one machine would take each other's ports.
PORT_LOCKS = Path(tempfile.gettempdir()) / "awin-medusa-test-ports"


def sandbox_of_tests(home: Path, port: int) -> Sandbox:
    """A sandbox as tests use it. It does not run."""
    return Sandbox(home, port, software=SOFTWARE, etsy=STRICT, preload=REMEMBER_KEYS)


def bring_up(sandbox: Sandbox, progress: Progress = silent) -> None:
    """Bring it to running, from the template unless it was built before."""
    # The template needs ports only while it is built, before the sandbox itself takes them.
    template = Sandbox(TEST_HOME / "template", sandbox.port, software=SOFTWARE)
    with exclusive(TEST_HOME / "template.lock", progress, "Building the template of the sandboxes"):
        template.build(progress)
        sandbox.take_over(template)
    sandbox.up(progress)


@contextmanager
def early_sandbox() -> Iterator[Sandbox]:
    """Begin to bring a sandbox up, in another process; call `bring_up` before it is used."""
    with ExitStack() as stack:
        place = str(_take_place(stack, TEST_HOME))
        memory = in_memory()
        home = memory / f"awin-medusa-{_name_of(TEST_HOME)}-{place}" if memory else TEST_HOME / place
        # What a killed session left running.
        Sandbox(home).down()
        port = int(os.environ.get("AWIN_MEDUSA_TEST_PORT") or _free_port(_take_place(stack, PORT_LOCKS)))
        sandbox = sandbox_of_tests(home, port)
        # A process, not a thread: tests change the environment of this one.
        starter = subprocess.Popen(
            [sys.executable, "-m", __name__, home, str(sandbox.port)],
            cwd=PROJECT_ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield sandbox
        finally:
            # At work still when no test needed it; what it has begun, it ends.
            starter.send_signal(signal.SIGINT)
            starter.wait()
            sandbox.down()
            if memory:
                shutil.rmtree(home, ignore_errors=True)


def _name_of(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:12]


def _take_place(stack: ExitStack, locks: Path) -> int:
    """Take the first free number of a folder, until the stack ends."""
    locks.mkdir(parents=True, exist_ok=True)
    for place in range(100):
        lock = stack.enter_context((locks / f"{place}.lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return place
    raise RuntimeError(f"All places in {locks} are taken.")


def _free_port(place: int) -> int:
    first = FIRST_PORT + place * PORTS_A_PLACE
    for port in range(first, first + PORTS_A_PLACE, PORTS):
        if all(port_is_free(port + offset) for offset in range(PORTS)):
            return port
    raise RuntimeError(f"No {PORTS} free ports from {first} on; set AWIN_MEDUSA_TEST_PORT.")


if __name__ == "__main__":
    bring_up(sandbox_of_tests(Path(sys.argv[1]), int(sys.argv[2])))
