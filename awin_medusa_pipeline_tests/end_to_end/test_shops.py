"""Two shops of different settings in one installation: one code location, one daemon, both synced at the same time."""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from awin_medusa_pipeline.core.store.audit import Who
from awin_medusa_pipeline.decisions import Decider
from awin_medusa_pipeline.defs.launch import dagster_home
from awin_medusa_pipeline.defs.per_shop import PARTITION_TAG, SHOP
from awin_medusa_pipeline.sandbox import Sandbox
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline_tests.defs.test_daemon import start_daemon, wait_for
from awin_medusa_pipeline_tests.support.command_line import run
from awin_medusa_pipeline_tests.support.feeds import row, write_rows
from awin_medusa_pipeline_tests.support.plain import products_in, sold_in
from awin_medusa_pipeline_tests.support.sandboxes import bring_up, early_sandbox
from awin_medusa_pipeline_tests.support.summary import assert_adds_up

FILE = """
[toys]
medusa_backend_url = "{toys}"
medusa_admin_api_key = {{ env = "KEY_OF_TOYS" }}
awin_feed_url = "{folder}/toys.csv"
sync_stock_level = 7

[books]
medusa_backend_url = "{books}"
medusa_admin_api_key = {{ file = "{folder}/key-of-books" }}
awin_feed_url = "{folder}/books.csv"
sync_stock_level = 3
sync_sku_template = "book-{{merchant_product_id}}"
"""


@pytest.fixture(scope="module")
def second() -> Iterator[Sandbox]:
    """A sandbox beside that of the worker."""
    with early_sandbox() as sandbox:
        bring_up(sandbox)
        yield sandbox


@pytest.fixture
def folder(sandbox: Sandbox, second: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The installation, as its environment describes it."""
    for one in (sandbox, second):
        one.reset()
    write_rows(tmp_path / "toys.csv", row("A"), row("B"))
    write_rows(tmp_path / "books.csv", row("A"), row("C"), row("D"))
    (tmp_path / "key-of-books").write_text(f"{second.shop.admin_key}\n")
    file = tmp_path / "shops.toml"
    file.write_text(FILE.format(toys=sandbox.shop.base_url, books=second.shop.base_url, folder=tmp_path))
    for name, value in {
        "AWIN_MEDUSA_HOME": str(tmp_path / "home"),
        "AWIN_MEDUSA_SHOPS": str(file),
        "KEY_OF_TOYS": sandbox.shop.admin_key,
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def finished(instance: dg.DagsterInstance) -> dict[str, dg.RunRecord]:
    """The runs that have ended, by the shop of each."""
    records = instance.get_run_records()
    return {one.dagster_run.tags[PARTITION_TAG]: one for one in records if one.dagster_run.is_finished}


def test_two_shops_are_synced_at_once_each_with_its_own_settings(
    folder: Path, sandbox: Sandbox, second: Sandbox
) -> None:
    log = folder / "daemon.log"
    with Shops.open() as shops:
        dagster_home(shops.common)
        for app in shops.values():
            Decider(app, Who("anna", "console")).sync(dry_run=False)
        daemon = start_daemon(os.environ, folder, log)
        try:
            with dg.DagsterInstance.get() as instance:
                wait_for("Both syncs", lambda: len(finished(instance)) == 2, log)
                runs = finished(instance)
                tables = instance.get_materialized_partitions(dg.AssetKey("awin_feed"))
        finally:
            daemon.terminate()
            daemon.wait(30)
    assert {record.dagster_run.status for record in runs.values()} == {dg.DagsterRunStatus.SUCCESS}
    assert {name: record.dagster_run.tags[SHOP] for name, record in runs.items()} == {"toys": "toys", "books": "books"}
    assert max(one.start_time or 0 for one in runs.values()) < min(one.end_time or 0 for one in runs.values())
    assert tables == {"toys", "books"}
    assert {(one.sku, one.level) for one in sold_in(products_in(sandbox.shop).values()).values()} == {
        ("A", 7),
        ("B", 7),
    }
    assert {(one.sku, one.level) for one in sold_in(products_in(second.shop).values()).values()} == {
        ("book-A", 3),
        ("book-C", 3),
        ("book-D", 3),
    }
    for name, record in runs.items():
        (reports,) = (folder / "home/shops" / name / "reports").glob(f"*-{record.dagster_run.run_id[:8]}")
        assert assert_adds_up(reports)["import"]["applied"] == {"toys": 2, "books": 3}[name]


def test_one_shop_is_named_at_the_command_line(folder: Path, second: Sandbox) -> None:
    done = run("sync", "--yes", "--shop", "books")
    assert done.exit_code == 0, done.output
    assert len(products_in(second.shop)) == 3
    assert not (folder / "home/shops/toys/reports").exists()
    unnamed = run("sync", "--yes")
    assert unnamed.exit_code == 1
    assert "there are 2. Name one: --shop toys or --shop books." in " ".join(unnamed.stderr.split())
