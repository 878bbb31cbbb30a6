"""Says which process of which machine this is, whether another one is gone, and how long ago something was.

None of it reads a wall clock: those are set, differ between machines, and are wrong after a sleep.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
# Counts the time asleep or stopped, too. Where it is missing (macOS), the monotonic clock does.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def seconds_since_boot() -> float:
    """Seconds on a clock that never steps, the same in every container of one machine."""
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True)
class ProcessMark:
    """Names one process for as long as its machine runs.

    `boot` and `namespace` are None where the system has no /proc of ours: then nobody can tell whether it has ended.
    """

    boot: str | None
    """Id of the boot: two machines of one name, or one started anew, have different ones. A clone shares it."""
    namespace: str | None
    """PID namespace: in another one the same number is another process."""
    process: str
    """Process id, and its start in clock ticks since boot: a later process may get the same id."""


def this_process() -> ProcessMark:
    """Mark this process. Read anew each time, since a fork is another one."""
    pid = os.getpid()
    try:
        # With a /proc of another namespace, the numbers below would be of other processes.
        ours = (_PROC / "self").readlink() == Path(str(pid))
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = str((_PROC / "self/ns/pid").readlink())
    except OSError:
        ours = False
    if not ours or not (started := _start_ticks(pid)):
        return ProcessMark(None, None, str(pid))
    return ProcessMark(boot, namespace, f"{pid} {started}")


def is_gone(mark: ProcessMark) -> bool:
    """Whether it is certain that the process has ended; False wherever this one cannot know."""
    here = this_process()
    if mark.boot is None or (mark.boot, mark.namespace) != (here.boot, here.namespace):
        return False
    pid, _, started = mark.process.partition(" ")
    if not (pid.isdigit() and started.isdigit()):
        return False
    try:
        os.kill(int(pid), 0)  # asks, and sends nothing; /proc may hide the processes of other users
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    there = _start_ticks(int(pid))
    return there is not None and there != started


def _start_ticks(pid: int) -> str | None:
    """Start of a process in ticks since boot; "": it has ended and waits to be reaped, None: it cannot be seen."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return "" if fields[0] in ("Z", "X", "x") else fields[19]
