"""Opening: fresh, by many at once, too new, damaged, out of reach."""

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from awin_medusa_pipeline.core.store.base import Base
from awin_medusa_pipeline.core.store.database import (
    VERSION_TABLE,
    Database,
    StoreError,
    insert_new,
    newest_version,
    open_database,
    version_of,
)
from awin_medusa_pipeline.core.store.outbox import OutboxMessage
from awin_medusa_pipeline.etsy.store.models import EtsyJob
from awin_medusa_pipeline.sync.store.models import Run

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def run_values(run_id: str = "r") -> dict[str, object]:
    return {"run_id": run_id, "shop": "s", "job": "j", "started_at": NOW, "dry_run": False}


def test_migrations_make_what_the_models_say(database: Database) -> None:
    # One table of every module that has some: a module that nobody has imported would be left out.
    assert {model.__tablename__ for model in (Run, OutboxMessage, EtsyJob)} <= Base.metadata.tables.keys()
    with database.reading() as session:
        options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(session.connection(), opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_opening_again_keeps_what_is_there(database: Database, store_url: str) -> None:
    with database.writing() as session:
        session.execute(sa.insert(Run).values(**run_values()))
    with open_database(store_url) as again, again.reading() as session:
        assert session.get_one(Run, "r").started_at == NOW


OPEN = (
    "import sys; from awin_medusa_pipeline.core.store.database import open_database; open_database(sys.argv[1]).close()"
)


def test_processes_that_open_a_fresh_store_at_once(store_url: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN, store_url], stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    with open_database(store_url) as database, database.reading() as session:
        assert session.scalar(sa.text(f"select count(*) from {VERSION_TABLE}")) == 1


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError), database.writing() as session:
        session.execute(sa.insert(Run), [run_values("r"), run_values("r")])
    with database.reading() as session:
        assert session.get(Run, "r") is None


def test_insert_new_only_once(database: Database) -> None:
    with database.writing() as session:
        assert insert_new(session, Run, run_values())
        assert not insert_new(session, Run, run_values() | {"shop": "other"})
    with database.reading() as session:
        assert session.get_one(Run, "r").shop == "s"


def test_text_that_databases_refuse_is_kept_readable(database: Database) -> None:
    with database.writing() as session:
        session.execute(sa.insert(Run).values(**run_values() | {"job": "a\x00b\ud800c"}))
    with database.reading() as session:
        assert session.get_one(Run, "r").job == "a\ufffdb?c"


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(sa.exc.StatementError, match="no time zone"), database.writing() as session:
        session.execute(sa.insert(Run).values(**run_values() | {"started_at": datetime(2026, 1, 1)}))  # noqa: DTZ001


def test_a_store_of_a_newer_release(store_url: str) -> None:
    with open_database(store_url) as database, database.writing() as session:
        session.execute(sa.text(f"update {VERSION_TABLE} set version_num = '9999'"))
    with pytest.raises(StoreError, match=r"newer release.*version 9999.*Install that release again"):
        open_database(store_url)


def broken_file(path: Path) -> str:
    path.write_bytes(b"this is no database " * 500)
    return f"sqlite:///{path}"


def damaged_pages(path: Path) -> str:
    url = f"sqlite:///{path}"
    open_database(url).close()
    content = bytearray(path.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)  # the header stays
    path.write_bytes(content)
    return url


def a_folder(path: Path) -> str:
    path.mkdir()
    return f"sqlite:///{path}"


FAULTS = [
    pytest.param(broken_file, r"not a database.*The file is damaged: put back a copy", id="not_a_database"),
    pytest.param(damaged_pages, r"malformed.*The file is damaged: put back a copy", id="damaged_pages"),
    pytest.param(lambda _: "sqlite:////dev/null/state.db", "Check the folder's permissions", id="no_folder"),
    pytest.param(lambda _: "sqlite://", "names no file", id="in_memory"),
    pytest.param(a_folder, r"unable to open.*Check that the file exists", id="a_folder"),
    pytest.param(lambda _: "mysql://u@h/d", r"mysql is not supported.*postgresql://", id="mysql"),
    pytest.param(lambda _: "hunter2 is not an address", r"not a database address", id="no_address"),
    pytest.param(
        lambda _: "postgresql://u:hunter2@127.0.0.1:1/d?connect_timeout=2",
        r"postgresql\+psycopg2://u:\*\*\*@127.0.0.1:1/d.*refused.*Check that PostgreSQL is up",
        id="nobody_listens",
    ),
]


@pytest.mark.parametrize(("make", "sentence"), FAULTS)
def test_a_store_that_cannot_be_opened(make, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=sentence) as caught:
        open_database(make(tmp_path / "state.db"))
    assert "hunter2" not in str(caught.value)


def test_wrong_password_is_not_shown(postgres) -> None:
    url = postgres.url("postgres").replace(":not-to-be-seen@", ":hunter2@")
    with pytest.raises(StoreError, match="password authentication failed") as caught:
        open_database(url)
    assert "hunter2" not in str(caught.value)


def test_a_user_who_may_not_make_tables(postgres) -> None:
    postgres.create("guarded")
    with open_database(postgres.url("guarded")) as database, database.writing() as session:
        session.execute(sa.text("create role guest login password 'hunter2'"))
    postgres.create("closed")
    url = sa.make_url(postgres.url("closed")).set(drivername="postgresql", username="guest", password="hunter2")
    with pytest.raises(StoreError, match=r"permission denied.*this user may make tables") as caught:
        open_database(url.render_as_string(hide_password=False))
    assert "hunter2" not in str(caught.value)


def test_a_locked_file_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awin_medusa_pipeline.core.store.database.BUSY_TIMEOUT", 0.1)
    path = tmp_path / "state.db"
    with open_database(f"sqlite:///{path}") as database:
        other = sqlite3.connect(path)
        other.execute("begin immediate")
        with pytest.raises(StoreError, match=r"locked.*writing to it.*end that one"), database.writing() as session:
            session.execute(sa.insert(Run).values(**run_values()))
        other.close()


def test_the_newest_version_is_that_of_the_migrations(sqlite_url: str) -> None:
    with open_database(sqlite_url) as database, database.reading() as session:
        assert version_of(session.connection()) == newest_version()


def test_a_store_of_this_version_is_opened_without_the_tool_that_migrates(sqlite_url: str) -> None:
    open_database(sqlite_url).close()
    code = "import sys; from awin_medusa_pipeline.core.store.database import open_database; "
    code += f"open_database({sqlite_url!r}).close(); assert 'alembic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
