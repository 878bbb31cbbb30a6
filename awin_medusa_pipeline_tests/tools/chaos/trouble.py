"""Makes trouble of each kind, and counts how often it leaves something behind."""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import psutil

from awin_medusa_pipeline_tests.support.fault_proxy import Fault, FaultProxy
from awin_medusa_pipeline_tests.tools.chaos.judge import Findings
from awin_medusa_pipeline_tests.tools.chaos.laboratory import LIMIT, LIVED_IN, Laboratory, Morning

Trouble = Callable[[Laboratory, Morning, random.Random], bool]


@dataclass
class Report:
    """What a kind of trouble left behind, all its times together."""

    findings: Findings = field(default_factory=Findings)
    times: int = 0
    unfinished: int = 0
    """Times that one more sync found something to do."""
    seeds: list[str] = field(default_factory=list)
    """Of those that left something."""


def repeated(
    laboratory: Laboratory, trouble: Trouble, times: int, seed: int, *, one_more_sync: bool
) -> Iterator[Report]:
    """Make the trouble so many times, on each kind of morning in turn, and judge the shop each time: all until then."""
    report = Report()
    for number in count():
        if report.times == times:
            return
        assert number < 2 * times + 10, f"{trouble.__name__} hardly ever happens"
        morning = laboratory.mornings[number % len(laboratory.mornings)]
        name = f"{seed}-{number}"
        if not trouble(laboratory, morning, random.Random(name)):
            continue  # the sync was through before the trouble came
        if one_more_sync:
            laboratory.proxy.requests.clear()
            code = laboratory.sync(morning.feed)
            report.unfinished += any(not request.startswith("GET") for request in laboratory.proxy.requests)
            assert code == 0, f"{trouble.__name__} {name}: the next sync failed; see {laboratory.log}"
        findings = laboratory.judge(morning)
        report.findings += findings
        report.times += 1
        report.seeds += [] if findings.none else [name]
        yield report


def kill_sync(laboratory: Laboratory, morning: Morning, dice: random.Random) -> bool:
    """Begin a sync and end it with SIGKILL at a random request; False: it was through before.

    The end comes before the request reaches the shop, while the shop works on it, or soon after the answer, when the
    outcome is being written down.
    """
    at, wait = _moment(morning, dice, "GET", "POST", "/batch"), dice.choice((None, dice.uniform(0, 0.4)))
    laboratory.begin(morning)
    started = threading.Event()

    def kill() -> None:
        started.wait()
        process.kill()

    with _at_request(laboratory.proxy, at, wait, kill):
        process = laboratory.start(morning.feed)
        started.set()
        process.join(LIMIT)
    assert process.exitcode is not None, f"A sync was not through after {LIMIT:.0f} s; see {laboratory.log}"
    return process.exitcode == -signal.SIGKILL


def kill_shop(laboratory: Laboratory, morning: Morning, dice: random.Random) -> bool:
    """End Medusa with SIGKILL while it works on a random write of a sync, and start it again."""
    laboratory.begin(morning)
    (medusa,) = (service for service in laboratory.sandbox.status().services if service.name == "medusa")
    process_of_medusa, killed = psutil.Process(medusa.pid), threading.Event()

    def kill() -> None:
        process_of_medusa.kill()
        process_of_medusa.wait()
        killed.set()

    with _at_request(laboratory.proxy, _moment(morning, dice, "/batch"), dice.uniform(0, 0.6), kill):
        process = laboratory.start(morning.feed)
        while process.is_alive() and not killed.wait(0.1):
            pass
        if killed.is_set():
            laboratory.sandbox.up()
        process.join(LIMIT)
    assert process.exitcode is not None
    if killed.is_set():
        laboratory.sandbox.up()  # it may have been killed at the very end
    return killed.is_set()


def stop_sync(laboratory: Laboratory, morning: Morning, dice: random.Random) -> bool:
    """Stop a sync (SIGSTOP) at a random request, let another one take over and end, and wake it up.

    Whatever it was about to do, it changes nothing any more: the other one may have changed its mind.
    """
    laboratory.begin(morning)
    stopped = threading.Event()

    def stop() -> None:
        assert process.pid
        os.kill(process.pid, signal.SIGSTOP)
        stopped.set()

    started = threading.Event()

    def when_started() -> None:
        started.wait()
        stop()

    at, wait = _moment(morning, dice, "GET", "POST", "/batch"), dice.uniform(0, 0.2)
    with _at_request(laboratory.proxy, at, wait, when_started):
        process = laboratory.start(morning.feed, lease=LEASE)
        started.set()
        while process.is_alive() and not stopped.wait(0.1):
            pass
    if not process.is_alive():
        return False
    try:
        time.sleep(LEASE + 0.5)
        said = laboratory.log.stat().st_size if laboratory.log.exists() else 0
        if laboratory.sync(morning.feed, lease=LEASE) != 0:
            why = laboratory.log.read_bytes()[said:].decode("utf-8", "replace")
            # Stopped within a transaction, it keeps SQLite's lock: nobody writes until it wakes up or is killed.
            assert "database is locked" in why, f"the other sync failed: {why[-2000:]}"
            return False
        laboratory.proxy.requests.clear()
    finally:
        assert process.pid
        os.kill(process.pid, signal.SIGCONT)
        process.join(LIMIT)
    wrote = [request for request in laboratory.proxy.requests if not request.startswith("GET")]
    assert not wrote, f"a sync that had lost its lease wrote: {wrote[:3]}"
    return True


def contend(laboratory: Laboratory, morning: Morning, dice: random.Random) -> bool:
    """Start two syncs of one shop at nearly the same time: one does the work, the other leaves it alone."""
    laboratory.begin(morning)
    first = laboratory.start(morning.feed)
    time.sleep(dice.uniform(0, 0.5))
    second = laboratory.start(morning.feed)
    for process in (first, second):
        process.join(LIMIT)
        assert process.exitcode is not None, f"A sync was not through after {LIMIT:.0f} s; see {laboratory.log}"
    assert 0 in (first.exitcode, second.exitcode), f"neither of two syncs did the work; see {laboratory.log}"
    return True


def restore_shop(laboratory: Laboratory, morning: Morning, dice: random.Random) -> bool:
    """Put the shop back to yesterday's backup after a sync: what the log knows of it is gone.

    Where nothing is left, the imports wait for a person.
    """
    laboratory.begin(morning)
    assert laboratory.sync(morning.feed) == 0
    laboratory.sandbox.reset(morning.snapshot)
    if morning.snapshot != LIVED_IN:
        assert laboratory.sync(morning.feed) == 0
        assert laboratory.sync(morning.feed, approve=True) == 0
    return True


def restore_store(laboratory: Laboratory, morning: Morning, dice: random.Random) -> bool:
    """Put the state store back to yesterday's backup after a sync: it knows nothing of what the shop now has."""
    laboratory.begin(morning)
    assert laboratory.sync(morning.feed) == 0
    laboratory.put_back_home(morning.home)
    return True


def answer_strangely(laboratory: Laboratory, morning: Morning, dice: random.Random) -> bool:
    """Run a whole sync of which every twentieth write, by the dice, gets an answer of a strange shape."""
    spoilt = 0

    def fault(request: str) -> Fault | None:
        nonlocal spoilt
        if request.startswith("GET") or dice.random() >= 0.2:
            return None
        spoilt += 1
        return dice.choice(STRANGE)

    laboratory.begin(morning)
    laboratory.proxy.seeded = fault
    try:
        laboratory.sync(morning.feed)  # it may well fail: the next one goes on
    finally:
        laboratory.proxy.seeded = lambda request: None
    return spoilt > 0


STRANGE = tuple(Fault(kind, after=after) for kind in ("page", "522") for after in (True, False))
LEASE = 3.0
"""Seconds that stand for the three minutes of a lease."""


def spoil_requests(laboratory: Laboratory, morning: Morning, dice: random.Random) -> bool:
    """Run a whole sync of which every tenth request, by the dice, goes wrong."""
    spoilt = 0

    def fault(request: str) -> Fault | None:
        nonlocal spoilt
        if dice.random() >= 0.1:
            return None
        spoilt += 1
        return dice.choice(FAULTS)

    laboratory.begin(morning)
    laboratory.proxy.seeded = fault
    try:
        code = laboratory.sync(morning.feed, answer_within=_PATIENCE)
    finally:
        laboratory.proxy.seeded = lambda request: None
    assert code == 0, f"a sync with spoilt requests failed; see {laboratory.log}"
    return spoilt > 0


_PATIENCE = 2.0
FAULTS = (
    Fault("429"),
    Fault("429", retry_after="1"),
    Fault("500"),
    Fault("500", after=True),
    Fault("502"),
    Fault("502", after=True),
    Fault("reset"),
    Fault("reset", after=True),
    Fault(after=True, seconds=_PATIENCE + 0.5),
    Fault(after=True, seconds=_PATIENCE / 4),
)
"""The last but one comes after the client gave up waiting; the last is only slow."""


def _moment(morning: Morning, dice: random.Random, *kinds: str) -> int:
    """Pick the number of a request of one of the kinds; each kind is as likely, although most requests are reads."""
    kind = dice.choice(kinds)
    return dice.choice([number for number, request in enumerate(morning.requests, 1) if kind in request])


@contextlib.contextmanager
def _at_request(proxy: FaultProxy, number: int, wait: float | None, act: Callable[[], None]) -> Iterator[None]:
    """Act once at that request: instead of it when `wait` is None, else so many seconds after it was passed on."""
    seen = 0
    waiting: list[threading.Timer] = []

    def count(request: str) -> Fault | None:
        nonlocal seen
        seen += 1
        if seen != number:
            return None
        if wait is None:
            act()
            return Fault("reset")
        waiting.append(threading.Timer(wait, act))
        waiting[0].start()
        return None

    proxy.seeded = count
    try:
        yield
    finally:
        proxy.seeded = lambda request: None
        for timer in waiting:
            timer.cancel()
            timer.join()
