"""Leases a shop to one run at a time, and keeps a sign of life of every run, however it was started.

Dagster's limits do not cover runs from its command line, and it does not notice the death of every run. How two runs
never change a shop at once:

- Time is the database's, and on one machine also the time since its boot: wall clocks differ and step.
- A holder is taken for dead at once only where this process can know it: same boot, same PID namespace, and that
  process is gone. All others have HELD_FOR without a sign of life.
- Each sign of life replaces a random word by a new one, and only the one who knows the last word can: of a machine
  that was cloned, one of the two goes on.
- The holder asks before each request that changes something, and in each transaction of the log. A process that was
  stopped, or asleep, finds out there that time has passed.
"""

import logging
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from awin_medusa_pipeline.core.errors import PermanentError, PipelineError
from awin_medusa_pipeline.core.machine import ProcessMark, is_gone, seconds_since_boot, this_process
from awin_medusa_pipeline.core.store.base import Base
from awin_medusa_pipeline.core.store.database import Database, StoreError, database_time, insert_new

__all__ = ["HeldLease", "Lease", "LeaseLostError", "Leases", "ShopBusyError", "Sign"]

log = logging.getLogger(__name__)

HELD_FOR = timedelta(minutes=3)
"""Longer than any pause of a living process. A run that died on another machine blocks the shop for this long."""
HEARTBEAT = 30.0
"""Seconds between signs of life."""
MARGIN = 15.0
"""Seconds before its end from which a lease no longer counts as ours without a new sign of life."""
_BEAT_AGAIN = 5.0
"""Seconds after a sign of life that the state store did not take."""
_RUN = "run "
"""Begins the names of the leases that stand for a run itself."""


class ShopBusyError(PermanentError):
    """Another run holds the shop."""


class LeaseLostError(PipelineError):
    """Another run took the shop over while this one was silent. Neither permanent nor transient: nobody may go on."""


class Lease(Base):
    """Who may change a shop, or that a run lives.

    The row of a shop is kept when nobody holds it, so that its token only grows; that of a run ends with it.
    """

    __tablename__ = "sync_leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    """Address of the shop, or `run ` and the run's id."""
    token: Mapped[int]
    """Grows with every holder: an older token belongs to a holder that lost the lease."""
    nonce: Mapped[str | None]
    """A random word, new at each sign of life."""
    run_id: Mapped[str | None]
    job: Mapped[str | None]
    host: Mapped[str | None]
    """For people; two machines may share it."""
    boot: Mapped[str | None]
    namespace: Mapped[str | None]
    process: Mapped[str | None]
    """With `boot` and `namespace` a ProcessMark."""
    taken_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    """Times of the database's clock."""
    beat: Mapped[float | None] = mapped_column(sa.Double())
    """The last sign of life, in seconds since the boot of the holder's machine."""


class Sign(StrEnum):
    """What is known of a holder."""

    ALIVE = "alive"
    SILENT = "silent"
    """No sign of life for HELD_FOR."""
    GONE = "gone"
    """Its process has ended."""


class HeldLease:
    """The right to change a shop. Threads may share it."""

    def __init__(self, database: Database, name: str, run_id: str, token: int, nonce: str, taken: float) -> None:
        self.name, self.run_id, self.token = name, run_id, token
        self._database = database
        self._lock = threading.Lock()
        # Several: whether one was stored is unknown where the database broke off, and a reader may see the one before.
        self._words: tuple[str, ...] = (nonce,)
        self._words_before: tuple[str, ...] = ()
        self._until = taken + HELD_FOR.total_seconds() - MARGIN

    def renew(self) -> None:
        """Give a sign of life. Raises LeaseLostError, and StoreError where the store does not answer."""
        with self._lock:
            known, word, began = self._words, uuid.uuid4().hex, seconds_since_boot()
            self._words = (*known, word)

            def store(session: Session) -> int | None:
                now = database_time(session)
                values = {"nonce": word, "heartbeat_at": now, "expires_at": now + HELD_FOR, "beat": began}
                ours = (*self._is_ours, Lease.nonce.in_((*known, word)))
                return session.scalar(sa.update(Lease).where(*ours).values(values).returning(Lease.token))

            if self._database.write(store) is None:
                raise self._lost()
            self._words_before, self._words = known, (word,)
            self._until = began + HELD_FOR.total_seconds() - MARGIN

    def check(self) -> None:
        """Check that the lease is ours at this moment. Raises LeaseLostError, and StoreError."""
        if seconds_since_boot() >= self._until:
            self.renew()  # we were stopped, or asleep: still ours only if nobody has taken it
            return
        self._check(self._database.read(lambda session: session.scalar(sa.select(Lease.nonce).where(*self._is_ours))))

    def check_in(self, session: Session) -> None:
        """Check it for this transaction: nobody takes the lease before that is committed. Raises LeaseLostError."""
        ours = sa.select(Lease.nonce).where(*self._is_ours).with_for_update(read=True)
        self._check(session.scalar(ours))

    @property
    def _is_ours(self) -> tuple[sa.ColumnElement[bool], ...]:
        return Lease.name == self.name, Lease.token == self.token, Lease.run_id == self.run_id

    def _check(self, word: str | None) -> None:
        # In this order: what a renewal moves from the one to the other is then in either.
        if word not in self._words and word not in self._words_before:
            raise self._lost()

    def _lost(self) -> LeaseLostError:
        return LeaseLostError(
            f"Changing the shop {self.name}",
            "another run took it over while this one was silent",
            "Nothing more is sent; the other run goes on from what the shop shows.",
        )


class Leases:
    """Takes and keeps leases. Times are aware UTC, of the database's clock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def hold(self, shop: str, *, run_id: str, job: str) -> Iterator[HeldLease]:
        """Take the lease, keep it alive during the block, and release it. Raises ShopBusyError."""
        lease = self.take(shop, run_id=run_id, job=job)
        with _kept_alive(lease):
            try:
                yield lease
            finally:
                self.release(lease)

    @contextmanager
    def hold_run(self, run_id: str, *, job: str) -> Iterator[None]:
        """Give signs of life for a run during the block, so that others can tell when it has died."""
        lease = self._take(f"{_RUN}{run_id}", run_id, job)
        assert isinstance(lease, HeldLease)
        with _kept_alive(lease):
            try:
                yield
            finally:
                self.forget_run(run_id, token=lease.token)

    def take(self, shop: str, *, run_id: str, job: str) -> HeldLease:
        """Take the lease unless a living run holds it. Raises ShopBusyError."""
        taken = self._take(shop, run_id, job)
        if isinstance(taken, Lease):
            raise _busy(taken)
        return taken

    def _take(self, name: str, run_id: str, job: str) -> HeldLease | Lease:
        """Take a lease; the row of its holder where another run has it."""
        began, nonce, mark = seconds_since_boot(), uuid.uuid4().hex, this_process()
        with self._database.writing() as session:
            insert_new(session, Lease, {"name": name, "token": 0})
            row = session.scalars(sa.select(Lease).where(Lease.name == name).with_for_update()).one()
            now = database_time(session)
            if row.run_id not in (None, run_id) and sign_of(row, now) is Sign.ALIVE:
                if row.expires_at and row.expires_at > now + HELD_FOR:
                    row.expires_at = now + HELD_FOR  # the database's clock was set back
                return row
            row.token += 1
            row.nonce, row.run_id, row.job = nonce, run_id, job
            row.host, row.boot, row.namespace, row.process = _host(), mark.boot, mark.namespace, mark.process
            row.taken_at, row.heartbeat_at, row.expires_at, row.beat = now, now, now + HELD_FOR, began
            return HeldLease(self._database, name, run_id, row.token, nonce, began)

    def release(self, lease: HeldLease) -> None:
        """Release the shop, unless another run has taken it."""
        ours = (Lease.name == lease.name, Lease.token == lease.token, Lease.run_id == lease.run_id)
        free = sa.update(Lease).where(*ours).values(run_id=None, nonce=None, expires_at=None)
        with self._database.writing() as session:
            session.execute(free)

    def holder(self, shop: str) -> Lease | None:
        """The lease of a shop; None when nobody holds it."""
        with self._database.reading() as session:
            return session.scalar(sa.select(Lease).where(Lease.name == shop, Lease.run_id.is_not(None)))

    def is_held_by(self, shop: str, run_id: str) -> bool:
        """Whether this run holds the shop, and may be alive."""
        with self._database.reading() as session:
            row = session.scalar(sa.select(Lease).where(Lease.name == shop, Lease.run_id == run_id))
            return row is not None and sign_of(row, database_time(session)) is Sign.ALIVE

    def runs(self) -> list[tuple[Lease, Sign]]:
        """The runs that have begun and not ended, each with what is known of it."""
        with self._database.reading() as session:
            now = database_time(session)
            rows = session.scalars(sa.select(Lease).where(Lease.name.startswith(_RUN), Lease.run_id.is_not(None)))
            return [(row, sign_of(row, now)) for row in rows]

    def forget_run(self, run_id: str, *, token: int | None = None) -> None:
        """Remove the signs of life of a run that has ended; `token`: only if nobody has taken it since."""
        same = [Lease.name == f"{_RUN}{run_id}"] + ([Lease.token == token] if token is not None else [])
        with self._database.writing() as session:
            session.execute(sa.delete(Lease).where(*same))


def sign_of(row: Lease, now: datetime) -> Sign:
    """What is known of the holder of a lease. `now`: of the database's clock.

    Silent is one for whom every clock that can be read says so. A time that lies in the future is of a clock that was
    set back, or of a cloned machine, and says nothing.
    """
    if row.expires_at is None:
        return Sign.GONE
    mark = ProcessMark(row.boot, row.namespace, row.process or "")
    if is_gone(mark):
        return Sign.GONE
    late = [row.expires_at <= now] if row.expires_at <= now + HELD_FOR else []
    if row.beat is not None and mark.boot is not None and mark.boot == this_process().boot:
        age = seconds_since_boot() - row.beat
        late += [age >= HELD_FOR.total_seconds()] if age >= 0 else []
    return Sign.SILENT if late and all(late) else Sign.ALIVE


@contextmanager
def _kept_alive(lease: HeldLease) -> Iterator[None]:
    """Give signs of life from a thread during the block."""
    ended = threading.Event()

    def beat() -> None:
        wait = HEARTBEAT
        while not ended.wait(wait):
            try:
                lease.renew()
                wait = HEARTBEAT
            except LeaseLostError as error:
                log.warning("%s", error)  # whatever would be sent next finds out, and stops
                return
            except StoreError as error:
                log.warning("%s", error)
                wait = _BEAT_AGAIN

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _host() -> str:
    return socket.gethostname()


def _busy(row: Lease) -> ShopBusyError:
    assert row.taken_at is not None
    assert row.expires_at is not None
    return ShopBusyError(
        f"Changing the shop {row.name}",
        f"run {row.run_id} ({row.job}, on {row.host}) has held it since {row.taken_at:%Y-%m-%d %H:%M} UTC",
        f"Wait until it ends, then start again; if it has died, the shop is free at {row.expires_at:%H:%M} UTC.",
    )
