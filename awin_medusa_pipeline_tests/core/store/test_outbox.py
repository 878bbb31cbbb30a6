"""The outbox: nothing lost, nothing twice, whoever sends."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.core.store.outbox import CLAIMED_FOR, Outbox
from awin_medusa_pipeline_tests.support.clock import NIGHT, Clock


def test_put_once_for_ever(database: Database) -> None:
    outbox = Outbox(database)
    assert outbox.put("run-1", {"text": "first"})
    assert not outbox.put("run-1", {"text": "again"})
    message = outbox.claim()
    assert message is not None
    assert message.payload == {"text": "first"}
    outbox.mark_sent(message)
    assert not outbox.put("run-1", {"text": "after it was sent"})
    assert outbox.claim() is None
    assert outbox.pending() == []


def test_a_claimed_message_is_nobody_elses(database: Database, another: Callable[[], Database]) -> None:
    mine = Outbox(database)
    mine.put("a", {"text": "a"})
    mine.put("b", {"text": "b"})
    with another() as opened:
        theirs = Outbox(opened)
        first, second = mine.claim(), theirs.claim()
        assert first is not None
        assert second is not None
        assert [first.dedupe_key, second.dedupe_key] == ["a", "b"]
        assert mine.claim() is None
        assert len(mine.pending()) == 2


def test_a_failed_message_waits_for_the_next_chance(database: Database) -> None:
    outbox = Outbox(database)
    outbox.put("a", {"text": "a"})
    message = outbox.claim()
    assert message is not None
    outbox.mark_failed(message, "no answer")
    assert outbox.claim(after=message.id) is None
    again = outbox.claim()
    assert again is not None
    assert (again.attempts, again.last_error) == (2, "no answer")


def test_a_claim_of_a_killed_process_runs_out(database: Database) -> None:
    clock = Clock()
    dead, alive = Outbox(database, now=clock), Outbox(database, now=clock)
    dead.put("a", {"text": "a"})
    taken = dead.claim()
    assert taken is not None
    assert alive.claim() is None
    clock.now += CLAIMED_FOR + timedelta(seconds=1)
    message = alive.claim()
    assert message is not None
    dead.mark_failed(taken, "too late to say")  # must not free what the other is sending
    assert dead.claim() is None
    alive.mark_sent(message)
    assert alive.pending() == []


def test_prune_keeps_what_was_never_sent(database: Database) -> None:
    clock = Clock()
    outbox = Outbox(database, now=clock)
    for key in ("sent", "waiting"):
        outbox.put(key, {"text": key})
    message = outbox.claim()
    assert message is not None
    outbox.mark_sent(message)
    assert outbox.prune(NIGHT) == 0
    assert outbox.prune(NIGHT + timedelta(seconds=1)) == 1
    assert [left.dedupe_key for left in outbox.pending()] == ["waiting"]


SENDER = """
import sys
from awin_medusa_pipeline.core.store.database import open_database
from awin_medusa_pipeline.core.store.outbox import Outbox
outbox = Outbox(open_database(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
while (message := outbox.claim()) is not None:
    print(message.dedupe_key)
    outbox.mark_sent(message)
"""


def test_processes_that_send_at_once(database: Database, store_url: str) -> None:
    outbox = Outbox(database)
    for number in range(60):
        outbox.put(str(number), {"text": str(number)})
    senders = [
        subprocess.Popen(
            [sys.executable, "-c", SENDER, store_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for sender in senders:
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"
    for sender in senders:
        assert sender.stdin is not None
        sender.stdin.write("go\n")
        sender.stdin.flush()
    sent = [key for sender in senders for key in sender.communicate(timeout=60)[0].split()]
    assert Counter(sent) == {str(number): 1 for number in range(60)}
    assert outbox.pending() == []
