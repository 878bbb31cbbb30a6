"""Leases a shop to one run at a time, however it was started: Dagster's limits do not cover its command line."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psutil
import sqlalchemy as sa

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.store.database import Database, StoreError, insert_new
from awin_medusa_pipeline.sync.store.models import Lease

log = logging.getLogger(__name__)

HELD_FOR = timedelta(minutes=3)
"""Longer than any pause of a living process. A run that died on another machine blocks the shop for this long."""
HEARTBEAT = 30.0
"""Seconds between heartbeats."""


class ShopBusyError(PermanentError):
    """Another run holds the shop."""


class LeaseLostError(PermanentError):
    """Another run took the shop over while this one was silent."""


@dataclass(frozen=True)
class HeldLease:
    """The right to change a shop, with its fencing token."""

    shop: str
    run_id: str
    token: int


class Leases:
    """Takes and keeps leases. Times are aware UTC."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._now = database, now

    @contextmanager
    def hold(self, shop: str, *, run_id: str, job: str) -> Iterator[HeldLease]:
        """Take the lease, keep it alive during the block, and release it. Raises ShopBusyError."""
        lease = self.take(shop, run_id=run_id, job=job)
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT):
                try:
                    self.check(lease)
                except (LeaseLostError, StoreError) as error:
                    log.warning("%s", error)  # the next batch checks again, and stops

        thread = threading.Thread(target=beat, name="lease", daemon=True)
        thread.start()
        try:
            yield lease
        finally:
            ended.set()
            thread.join()
            self.release(lease)

    def take(self, shop: str, *, run_id: str, job: str) -> HeldLease:
        """Take the lease unless a living run holds it. Raises ShopBusyError."""
        now = self._now()
        with self._database.writing() as session:
            insert_new(session, Lease, {"shop": shop, "token": 0})
            row = session.scalars(sa.select(Lease).where(Lease.shop == shop).with_for_update()).one()
            if row.run_id not in (None, run_id) and not self._has_ended(row, now):
                raise self._busy(row)
            row.token += 1
            row.run_id, row.job = run_id, job
            row.host, row.process = socket.gethostname(), _this_process()
            row.taken_at, row.heartbeat_at, row.expires_at = now, now, now + HELD_FOR
            return HeldLease(shop, run_id, row.token)

    def check(self, lease: HeldLease) -> None:
        """Check that the lease is still ours, and extend it. Raises LeaseLostError."""
        now = self._now()
        extend = (
            sa.update(Lease)
            .where(Lease.shop == lease.shop, Lease.token == lease.token, Lease.run_id == lease.run_id)
            .values(heartbeat_at=now, expires_at=now + HELD_FOR)
            .returning(Lease.token)
        )
        with self._database.writing() as session:
            if session.scalar(extend) is None:
                raise LeaseLostError(
                    f"Changing the shop {lease.shop}",
                    "another run took it over while this one was silent",
                    "Nothing more is sent; the other run goes on from what the shop shows.",
                )

    def release(self, lease: HeldLease) -> None:
        """Release the shop, unless another run has taken it."""
        free = (
            sa.update(Lease)
            .where(Lease.shop == lease.shop, Lease.token == lease.token, Lease.run_id == lease.run_id)
            .values(run_id=None, expires_at=None)
        )
        with self._database.writing() as session:
            session.execute(free)

    def holder(self, shop: str) -> Lease | None:
        """The lease of a shop; None when nobody holds it."""
        with self._database.reading() as session:
            return session.scalar(sa.select(Lease).where(Lease.shop == shop, Lease.run_id.is_not(None)))

    @staticmethod
    def _has_ended(row: Lease, now: datetime) -> bool:
        if row.expires_at is None or row.expires_at <= now:
            return True
        return row.host == socket.gethostname() and not _is_alive(row.process or "")

    @staticmethod
    def _busy(row: Lease) -> ShopBusyError:
        assert row.taken_at is not None
        assert row.expires_at is not None
        return ShopBusyError(
            f"Changing the shop {row.shop}",
            f"run {row.run_id} ({row.job}, on {row.host}) has held it since {row.taken_at:%Y-%m-%d %H:%M} UTC",
            f"Wait until it ends, then start again; if it has died, the shop is free at {row.expires_at:%H:%M} UTC.",
        )


def _this_process() -> str:
    process = psutil.Process()
    return f"{process.pid} {process.create_time()}"


def _is_alive(process: str) -> bool:
    """Whether the process runs; a later one with the same id does not count."""
    pid, _, started = process.partition(" ")
    try:
        return str(psutil.Process(int(pid)).create_time()) == started
    except (psutil.NoSuchProcess, ValueError):
        return False
    except psutil.AccessDenied:
        return True
