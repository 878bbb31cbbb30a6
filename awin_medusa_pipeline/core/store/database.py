"""Opens the state store, one SQLite file or a PostgreSQL database, and migrates it to the newest version."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from awin_medusa_pipeline.core.errors import StoreError as StoreError
from awin_medusa_pipeline.core.hidden import redact
from awin_medusa_pipeline.core.process import close_to_others
from awin_medusa_pipeline.core.store.base import Base

# Not alembic_version: Dagster's storage may have that table in the same PostgreSQL database.
VERSION_TABLE = "sync_version"
MIGRATIONS = Path(__file__).parents[2] / "migrations"
BUSY_TIMEOUT = 30  # seconds; the longest write here is a batch of some hundred rows, a few milliseconds
MIGRATION_LOCK = 0x6177696E  # any fixed number ("awin"): PostgreSQL's advisory lock, held while migrating
IMMEDIATE = "begin_immediate"


T = TypeVar("T")
PATIENCE = 45.0
"""Seconds that a PostgreSQL server which was there before may take to come back: a restart takes 1 to 20."""
STANDSTILL = 150
"""Seconds after which PostgreSQL ends a transaction that stands still.

A process that is stopped in one keeps what it has locked, the row of its lease, too. A lease ends 150 seconds after a
stop at the earliest (HELD_FOR - HEARTBEAT), so its row is free by the time that another run may take the shop.
"""


class StoreBrokenOffError(StoreError):
    """The connection broke off in a transaction."""


class Database:
    """An open state store, for the repositories."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{IMMEDIATE: True})

    @property
    def name(self) -> str:
        """Address or file of the store, without the password."""
        return _name(self._engine.url)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that sees one state of the store; its objects stay usable afterwards."""
        with _as_store_errors(self._engine.url), Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session in one transaction: everything is committed, or nothing."""
        with (
            _as_store_errors(self._engine.url),
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def read(self, act: Callable[[Session], T]) -> T:
        """Read in one session, and once more where the connection broke off: the server was started anew."""
        return _again(self.reading, act)

    def write(self, act: Callable[[Session], T]) -> T:
        """Act in one transaction, and once more where the connection broke off in it.

        Whether the first was committed may be unknown then: `act` does no harm twice.
        """
        return _again(self.writing, act)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _again(opened: Callable[[], AbstractContextManager[Session]], act: Callable[[Session], T]) -> T:
    try:
        with opened() as session:
            return act(session)
    except StoreBrokenOffError:
        with opened() as session:
            return act(session)


def sqlite_url(file: Path) -> str:
    """The address of a SQLite file."""
    return sa.URL.create("sqlite", database=str(file)).render_as_string()


def open_database(url: str) -> Database:
    """Open the state store at an SQLAlchemy address, after creating or migrating it.

    Safe when several processes open a new store at once. Raises StoreError.
    """
    engine = _engine(_parse(url))
    try:
        with _as_store_errors(engine.url):
            _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return Database(engine)


def insert_new(session: Session, model: type[Base], values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key exists; True when it was inserted."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(model).values(**values).on_conflict_do_nothing().returning(sa.literal(1))
    return session.scalar(statement) is not None


def database_time(session: Session) -> datetime:
    """The database's own clock at this moment, aware UTC: one clock for all machines that share the store."""
    if session.get_bind().dialect.name == "postgresql":
        # Not now(), which stands still in a transaction.
        moment = session.scalars(sa.select(sa.func.clock_timestamp(type_=sa.DateTime(timezone=True)))).one()
        return moment.astimezone(UTC)
    text = session.scalar(sa.select(sa.func.strftime("%Y-%m-%d %H:%M:%f", "now")))
    return datetime.fromisoformat(str(text)).replace(tzinfo=UTC)


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise StoreError(
            "Reading AWIN_MEDUSA_DATABASE_URL",
            "it is not a database address",
            "Write it as postgresql://user:password@host/database, or leave it blank for SQLite.",
        ) from None
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg2")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            "Opening the state store",
            f"{parsed.get_backend_name()} is not supported",
            "Use postgresql://user:password@host/database, or leave AWIN_MEDUSA_DATABASE_URL blank for SQLite.",
        )
    if parsed.get_backend_name() == "sqlite" and (parsed.host or parsed.username):
        raise StoreError(
            "Opening the state store",
            "the address of a file names a host or a user",
            "Write it as sqlite:////folder/state.db, or leave AWIN_MEDUSA_DATABASE_URL blank.",
        )
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError(
            "Opening the state store",
            "the address names no file, and a store in memory would forget every run",
            "Write it as sqlite:////folder/state.db, or leave AWIN_MEDUSA_DATABASE_URL blank.",
        )
    return parsed


def _name(url: sa.URL) -> str:
    """Address or file, without a password, which a query could hold, too."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.set(query={}).render_as_string(hide_password=True)


def _secrets(url: sa.URL) -> list[str]:
    given = [value for values in url.normalized_query.values() for value in values]
    return [*([str(url.password)] if url.password else []), *given]


def _engine(url: sa.URL) -> sa.Engine:
    # Parameters are hidden because error texts reach logs, and rows may hold a shop's private data.
    options: dict[str, Any] = {"hide_parameters": True, "json_serializer": partial(json.dumps, default=str)}
    if url.get_backend_name() == "postgresql":
        try:
            engine = sa.create_engine(url, pool_pre_ping=True, executemany_mode="values_plus_batch", **options)
            sa.event.listen(engine, "do_connect", _Patient())
            sa.event.listen(engine, "connect", _bound_standstill)
            return engine
        except ModuleNotFoundError:
            raise StoreError(
                f"Opening the state store {_name(url)}",
                "the PostgreSQL driver is not installed",
                "Install it with `pip install psycopg2-binary`.",
            ) from None
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False}, **options)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


class _Patient:
    """Connects again and again to a server that was there before."""

    def __init__(self) -> None:
        self._was_there = False

    def __call__(self, dialect: sa.Dialect, _: object, arguments: Any, options: Any) -> Any:
        ends_at = time.monotonic() + PATIENCE
        while True:
            try:
                connection = dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError:
                if not self._was_there or time.monotonic() > ends_at:
                    raise
                time.sleep(0.5)
            else:
                self._was_there = True
                return connection


def _bound_standstill(connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{STANDSTILL * 1000:.0f}ms'")
    connection.commit()  # a rollback would take it back


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # The driver's own BEGIN comes too late to cover reads and DDL, so _begin_sqlite sends it instead.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads and then writes fails at once when another wrote in between; IMMEDIATE waits.
    immediate = connection.get_execution_options().get(IMMEDIATE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _migrate(engine: sa.Engine) -> None:
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            _upgrade(connection)
        return
    file = Path(str(engine.url.database))
    file.parent.mkdir(parents=True, exist_ok=True)
    # SQLite's busy timeout does not cover the switch to WAL, so a lock file makes processes take turns.
    with FileLock(f"{file}.lock", timeout=BUSY_TIMEOUT):
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.execute("PRAGMA journal_mode = WAL")
        # The files that SQLite makes beside it get its rights.
        close_to_others(file)
        with engine.execution_options(**{IMMEDIATE: True}).begin() as connection:
            _upgrade(connection)


def _upgrade(connection: sa.Connection) -> None:
    if version_of(connection) == newest_version():
        return
    # Alembic takes a fifth of a second to import, and most processes meet a store of their own version.
    from awin_medusa_pipeline.core.store.migrating import upgrade

    upgrade(connection, _name(connection.engine.url))


def version_of(connection: sa.Connection) -> str | None:
    """The version of the tables; None where there are none."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.scalar(sa.select(sa.column("version_num")).select_from(sa.table(VERSION_TABLE)))
    return found


def newest_version() -> str:
    """The version that this release migrates to: that of the last file."""
    return max(file.name for file in (MIGRATIONS / "versions").glob("v*.py"))[1:5]


@contextmanager
def _as_store_errors(url: sa.URL) -> Iterator[None]:
    """Turn errors of the database itself into StoreError; programming errors pass unchanged."""
    try:
        yield
    except Timeout:
        raise StoreError(
            f"Opening the state store {_name(url)}",
            f"another process has been preparing it for {BUSY_TIMEOUT} seconds",
            "Wait for it, or end it, and start again.",
        ) from None
    except (sa.exc.IntegrityError, sa.exc.DataError):
        raise
    except sa.exc.DBAPIError as error:
        came_back = redact(" ".join(str(error.orig).split()), _secrets(url))
        kind = StoreBrokenOffError if error.connection_invalidated else StoreError
        raise kind(f"Using the state store {_name(url)}", came_back, _to_do(came_back, url)) from None
    except sqlite3.Error as error:
        raise StoreError(f"Opening the state store {_name(url)}", str(error), _to_do(str(error), url)) from None
    except OSError as error:
        if url.get_backend_name() != "sqlite":
            raise
        raise StoreError(
            f"Opening the state store {_name(url)}", error.strerror or str(error), "Check the folder's permissions."
        ) from None


def _to_do(came_back: str, url: sa.URL) -> str:
    if url.get_backend_name() == "postgresql":
        return (
            "Check that PostgreSQL is up, that AWIN_MEDUSA_DATABASE_URL names it, its user and its password, and that "
            "this user may make tables in that database."
        )
    if "locked" in came_back:
        return (
            f"Another process has been writing to it for {BUSY_TIMEOUT} seconds and does not go on: end that one, or "
            "let it go on if it was suspended, and start again."
        )
    if "not a database" in came_back or "malformed" in came_back:
        return (
            "The file is damaged: put back a copy from your backup, or move it away to start with an empty store "
            "(the shop is read again; the record of past runs is lost)."
        )
    if "full" in came_back:
        return "Free some disk space, and start again; nothing of the last step was half saved."
    return "Check that the file exists, that its folder can be written, and that the disk has room."
