"""The file of several shops: what it may say, what each shop gets from elsewhere, and what is refused."""

from pathlib import Path

import pytest

from awin_medusa_pipeline.app import STATE_FILE, known_secrets
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.hidden import without_secrets
from awin_medusa_pipeline.core.store.database import sqlite_url
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.store.ledger import Ledger

KEY = "sk_0123456789abcdef"
TOYS = """
[toys]
medusa_backend_url = "http://toys.example/"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file is looked for; the installation has settings of its own."""
    for name, value in {
        "AWIN_MEDUSA_ENV_FILE": str(tmp_path / ".env"),
        "AWIN_MEDUSA_SHOPS": str(tmp_path / "shops.toml"),
        "AWIN_MEDUSA_HOME": str(tmp_path / "home"),
        "MEDUSA_BACKEND_URL": "http://common.example",
        "MEDUSA_ADMIN_API_KEY": "sk_of_the_common_shop",
        "AWIN_FEED_URL": "/common/feed.csv",
        "SLACK_CHANNEL": "#common",
        "SYNC_STOCK_LEVEL": "4",
        "KEY_OF_TOYS": KEY,
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "shops.toml"


def test_without_a_file_there_is_one_shop_without_a_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWIN_MEDUSA_ENV_FILE", str(tmp_path / ".env"))
    with Shops.open() as shops:
        assert shops.names == []
        assert shops.choose("") is shops.common
        with pytest.raises(PermanentError, match="there is one shop, without a name"):
            shops.choose("toys")


def test_each_shop_has_its_settings_over_those_of_all(file: Path) -> None:
    file.write_text(f"{TOYS}sync_stock_level = 7\nsync_kinds = ['import']\n[books]\nSYNC_GENTLE_HOURS = '8-20'\n")
    with Shops.open() as shops:
        toys, books = shops["toys"].settings, shops["books"].settings
    assert (toys.sync_stock_level, books.sync_stock_level) == (7, 4)
    assert [str(kind) for kind in toys.sync_kinds] == ["import"]
    assert len(books.sync_kinds) > 1
    assert (toys.sync_gentle_hours, books.sync_gentle_hours) == (None, "8-20")
    assert toys.slack_channel == books.slack_channel == "#common"
    assert toys.medusa_backend_url == "http://toys.example"


def test_feed_shop_and_keys_of_another_are_never_taken(file: Path) -> None:
    file.write_text(TOYS)
    with Shops.open() as shops:
        toys = shops["toys"].settings
        assert toys.medusa_admin_api_key is toys.awin_feed_url is None
        assert not toys.is_ready
        assert shops.common.settings.medusa_admin_api_key is not None


def test_each_shop_keeps_its_state_apart(file: Path, tmp_path: Path) -> None:
    file.write_text(f"{TOYS}[books]\n")
    with Shops.open() as shops:
        for name, app in shops.items():
            assert app.local_home == app.scratch == tmp_path / "home/shops" / name
            assert app.database_url == sqlite_url(tmp_path / "home/shops" / name / STATE_FILE)
            assert app.common_home == shops.common.local_home == tmp_path / "home"


@pytest.mark.parametrize(
    ("common", "of_toys"),
    [
        ("postgresql://me:secret@host/awin", "postgresql://me:secret@host/awin_toys"),
        ("sqlite:////var/lib/state.db", "sqlite:////var/lib/state_toys.db"),
    ],
)
def test_the_database_of_a_shop_is_beside_that_of_all(
    file: Path, common: str, of_toys: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWIN_MEDUSA_DATABASE_URL", common)
    file.write_text(TOYS)
    with Shops.open() as shops:
        assert shops["toys"].database_url.endswith(of_toys)


def test_a_shop_moves_in_with_its_home(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWIN_MEDUSA_SHOPS")
    with Shops.open() as before:
        Ledger(before.common.database).start_run("run", shop="http://toys.example", job="daily_sync_job")
    (tmp_path / "home").rename(tmp_path / "old")
    (tmp_path / "home/shops").mkdir(parents=True)
    (tmp_path / "old").rename(tmp_path / "home/shops/toys")
    monkeypatch.setenv("AWIN_MEDUSA_SHOPS", str(file))
    file.write_text(f"{TOYS}[books]\n")
    with Shops.open() as shops:
        moved = Ledger(shops["toys"].database).run("run")
        assert moved is not None
        assert moved.shop == "http://toys.example"
        assert shops["books"].database.name != shops["toys"].database.name
        assert shops.common.database


def test_a_home_on_object_storage_has_a_folder_per_shop(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWIN_MEDUSA_HOME", "s3://bucket/all/")
    monkeypatch.setenv("AWIN_MEDUSA_SCRATCH", str(tmp_path / "scratch"))
    file.write_text(TOYS)
    with Shops.open() as shops:
        assert shops["toys"].home == "s3://bucket/all/shops/toys"
        assert shops["toys"].scratch == tmp_path / "scratch/shops/toys"
        assert shops["toys"].common_home == shops.common.local_home


@pytest.mark.parametrize("reference", ['{ env = "KEY_OF_TOYS" }', '{ env = "ALSO" }', '{ file = "FOLDER/key" }'])
def test_secrets_come_by_reference_and_are_never_shown(file: Path, tmp_path: Path, reference: str) -> None:
    (tmp_path / ".env").write_text(f"ALSO={KEY}\n")
    (tmp_path / "key").write_text(f"{KEY}\n")
    file.write_text(f"{TOYS}medusa_admin_api_key = {reference.replace('FOLDER', str(tmp_path))}\n")
    with Shops.open() as shops:
        assert KEY in known_secrets(shops["toys"].settings)
        assert without_secrets(f"the key {KEY}") == "the key ***"
        assert shops["toys"].medusa(applying=True).base_url == "http://toys.example"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("[toys", "Expected"),
        ("", "it names no shop"),
        ("sync_stock_level = 3", "'sync_stock_level' is no name of a shop with settings"),
        ("['../toys']", "'../toys' is no name of a shop"),
        ("[Toys]", "'Toys' is no name of a shop"),
        (f"['{'a' * 31}']", "is no name of a shop"),
        (f"{TOYS}sync_stok_level = 3", "shop toys: there is no setting sync_stok_level.*Did you mean sync_stock_level"),
        (f"{TOYS}awin_medusa_home = '/elsewhere'", "awin_medusa_home is one for all shops"),
        (f"{TOYS}sync_stock_level = -1", "shop toys: sync_stock_level: Input should be greater"),
        (f"{TOYS}medusa_admin_api_key = '{KEY}'", "medusa_admin_api_key is a secret, and stands in the file itself"),
        (f"{TOYS}awin_feed_url = 'https://x/apikey/0123456789/'", "awin_feed_url is a secret"),
        (f"{TOYS}slack_webhook_url = 'https://hooks/x'", "slack_webhook_url is a secret"),
        (f"{TOYS}medusa_admin_api_key = {{env = 'NOT_SET'}}", "names the variable NOT_SET, which is not set"),
        (f"{TOYS}medusa_admin_api_key = {{file = '/no/such'}}", "names the file /no/such: No such file"),
        (f"{TOYS}[again]\nmedusa_backend_url = 'http://toys.example'", "toys and again name the same Medusa"),
        (
            f"{TOYS}awin_medusa_database_url = {{env = 'STORE'}}\n[b]\nawin_medusa_database_url = {{env = 'STORE'}}",
            "toys and b name the same database",
        ),
    ],
)
def test_what_is_wrong_is_refused_in_a_sentence(
    file: Path, text: str, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE", "postgresql://me:hidden@host/store")
    file.write_text(text)
    with pytest.raises(PermanentError, match=refused) as error:
        Shops.open()
    assert str(file) in str(error.value)
    assert KEY not in str(error.value)
    assert "hidden" not in str(error.value)


def test_a_file_that_is_not_there_is_told(file: Path) -> None:
    with pytest.raises(PermanentError, match="No such file or directory"):
        Shops.open()


def test_a_shop_is_chosen_by_its_name(file: Path) -> None:
    file.write_text(f"{TOYS}[books]\n")
    with Shops.open() as shops:
        assert shops.choose("books").shop == "books"
        for name in ("", "tools"):
            with pytest.raises(PermanentError, match="Name one: --shop toys or --shop books"):
                shops.choose(name)
