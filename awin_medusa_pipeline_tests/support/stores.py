"""Provides a state store per test: SQLite in a file, and a real PostgreSQL server of this session's own."""

import random
import shutil
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from awin_medusa_pipeline.core.ports import port_is_free
from awin_medusa_pipeline.core.store.database import Database, open_database
from awin_medusa_pipeline.sandbox.postgres import Postgres
from awin_medusa_pipeline.sandbox.processes import Service, silent

PASSWORD = "not-to-be-seen"
_numbers = count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Start a server on a free port below 32768: above, the system gives ports to clients."""
    port = next(port for port in random.sample(range(20_000, 32_000), 100) if port_is_free(port))
    service = Service("postgres", tmp_path_factory.mktemp("postgres"), port, ending=signal.SIGINT)
    server = Postgres(service, PASSWORD)
    try:
        server.start(silent)
        yield server
    finally:
        service.stop()
        server.purge()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an empty store in a file, to be copied: migrating one takes longer than most tests of it."""
    file = tmp_path_factory.mktemp("migrated") / "state.db"
    open_database(f"sqlite:///{file}").close()
    return file


@pytest.fixture(scope="session")
def migrated_database(postgres: Postgres) -> str:
    """Make the same on the server."""
    postgres.create(name := "migrated")
    open_database(postgres.url(name)).close()
    return name


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """Copy the empty store; its address."""
    file = tmp_path / "home" / "state.db"
    file.parent.mkdir()
    shutil.copy(migrated_file, file)
    return f"sqlite:///{file}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Choose the address of a store: a copied one for a test that wants it open too, else one that is not there yet."""
    fresh = "database" not in request.fixturenames
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'home' / 'state.db'}" if fresh else request.getfixturevalue("sqlite_url")
    server: Postgres = request.getfixturevalue("postgres")
    name = f"store_{next(_numbers)}"
    server.create(name, *([] if fresh else [request.getfixturevalue("migrated_database")]))
    return server.url(name)


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    """Open an empty store."""
    with open_database(store_url) as opened:
        yield opened


@pytest.fixture
def another(store_url: str) -> Callable[[], Database]:
    """Open the same store once more, as another process would: a call per opening."""
    return lambda: open_database(store_url)
