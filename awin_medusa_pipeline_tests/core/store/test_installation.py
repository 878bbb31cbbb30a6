"""Home and state store belong together once both have been used; a new one joins the other."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from awin_medusa_pipeline.core.errors import StorageError, StoreError
from awin_medusa_pipeline.core.files import home_path
from awin_medusa_pipeline.core.store.database import Database, open_database
from awin_medusa_pipeline.core.store.installation import FILE, Installation, check_installation
from awin_medusa_pipeline_tests.support.object_store import ObjectStore

SHOP = "http://shop.example"
Open = Callable[[str], Database]


@pytest.fixture
def store(migrated_file: Path, tmp_path: Path) -> Iterator[Open]:
    """Open a store of this name."""
    with ExitStack() as stack:

        def opened(name: str) -> Database:
            if not (file := tmp_path / f"{name}.db").exists():
                file.write_bytes(migrated_file.read_bytes())
            return stack.enter_context(open_database(f"sqlite:///{file}"))

        yield opened


def id_in(home: str) -> str:
    return str(json.loads((home_path(home) / FILE).read_text())["id"])


def id_of(database: Database) -> str:
    with database.reading() as session:
        return session.get_one(Installation, 1).id


def test_at_their_first_start_both_get_one_id_and_keep_it(any_home: str, store: Open) -> None:
    database = store("a")
    for _ in range(2):
        check_installation(database, any_home, SHOP)
        assert id_in(any_home) == id_of(database)


@pytest.mark.parametrize("new", ["home", "store"])
def test_what_is_new_joins_what_was_used_before(new: str, any_home: str, store: Open) -> None:
    """An emptied or moved home, another machine's; a store that was replaced by an empty one, as by PostgreSQL."""
    check_installation(old := store("a"), any_home, SHOP)
    first = id_of(old)
    home, database = (f"{any_home}-new", old) if new == "home" else (any_home, store("b"))
    check_installation(database, home, SHOP)
    assert (id_in(home), id_of(database)) == (first, first)


def test_a_store_of_another_installation_is_refused_with_what_to_do(any_home: str, store: Open) -> None:
    ours, theirs = store("a"), store("b")
    check_installation(ours, any_home, SHOP)
    check_installation(theirs, f"{any_home}-theirs", "http://other.example")
    with pytest.raises(
        StoreError, match=r"another installation \(begun 20\d\d-.* with the shop http://other"
    ) as caught:
        check_installation(theirs, any_home, SHOP)
    assert "AWIN_MEDUSA_DATABASE_URL" in caught.value.to_do
    (home_path(any_home) / FILE).unlink()
    check_installation(theirs, any_home, SHOP)
    assert id_in(any_home) == id_of(theirs), "as the sentence says"


def test_processes_that_start_at_once_agree(any_home: str, database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: check_installation(database, any_home, SHOP), range(4)))
    check_installation(database, any_home, SHOP)
    assert id_in(any_home) == id_of(database)


def test_a_home_that_cannot_be_written_for_now_is_told_of_by_what_needs_it(tmp_path: Path, store: Open) -> None:
    home = tmp_path / "file"
    home.write_text("not a folder")
    check_installation(store("a"), str(home), SHOP)


def test_object_storage_that_cannot_be_used_keeps_a_run_from_starting(object_store: ObjectStore, store: Open) -> None:
    with pytest.raises(StorageError, match="the object storage of AWIN_MEDUSA_HOME: The specified bucket does not"):
        check_installation(store("a"), f"{object_store.bucket()}-of-nobody/shop", SHOP)
