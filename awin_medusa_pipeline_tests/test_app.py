"""One installation: what its settings open, and that two of them keep out of each other's way."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr

from awin_medusa_pipeline.app import App, known_secrets
from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.errors import PermanentError, StoreError
from awin_medusa_pipeline.core.messages import Message
from awin_medusa_pipeline.core.store.leases import Leases, ShopBusyError
from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline.remedies import command
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.sync.domain.contracts import StockMismatch
from awin_medusa_pipeline.sync.domain.operations import Counts, Kind
from awin_medusa_pipeline.sync.domain.rules import StockRules
from awin_medusa_pipeline.sync.domain.summary import SummaryTables
from awin_medusa_pipeline.sync.engine.rules import Extent
from awin_medusa_pipeline.sync.engine.runs import SyncRun
from awin_medusa_pipeline.sync.engine.summary import RunSummary, finish_run
from awin_medusa_pipeline.sync.store.ledger import Ledger
from awin_medusa_pipeline_tests.support.factories import NO_CATALOG, NO_REJECTS, offers
from awin_medusa_pipeline_tests.support.fault_proxy import AnsweringServer, as_json
from awin_medusa_pipeline_tests.support.shop_model import ShopModel
from awin_medusa_pipeline_tests.support.slack_server import SlackServer, slack_server

KEY, OTHER_KEY = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
TOKEN = "xoxb-not-to-be-seen"


def settings_with(**values: Any) -> Settings:
    """Settings from these values alone."""
    return Settings(_env_file=None, **values)


@dataclass
class Installation:
    """An App with a home, a shop and a Slack of its own; the shop knows one variant, whose level it is told to set."""

    name: str
    level: int
    home: Path
    slack: SlackServer
    asked: list[str] = field(default_factory=list)
    app: App = field(init=False)

    def open(self, stack: ExitStack) -> None:
        """Start the shop, and open the App on it."""
        values = {
            "awin_medusa_home": str(self.home),
            "medusa_backend_url": stack.enter_context(AnsweringServer(self._answer)),
            "medusa_admin_api_key": SecretStr(f"sk_{self.name}"),
            "medusa_stock_location": f"Warehouse {self.name}",
            "slack_webhook_url": self.slack.webhook,
        }
        self.app = stack.enter_context(App(settings_with(**values)))

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        route = path.partition("?")[0].removeprefix("/admin/")
        self.asked.append(route)
        if route.endswith("location-levels/batch"):
            level = {"inventory_item_id": f"item_{self.name}", "stocked_quantity": self.level}
            return as_json({"created": [], "updated": [level]})
        if route == "inventory-items":
            at = {"location_id": f"stock-locations_{self.name}", "stocked_quantity": 1}
            return as_json({"inventory_items": [{"id": f"item_{self.name}", "location_levels": [at]}]})
        name = f"Warehouse {self.name}" if route == "stock-locations" else "Default"
        return as_json({route.replace("-", "_"): [{"id": f"{route}_{self.name}", "name": name}]})

    @property
    def mismatches(self) -> pl.DataFrame:
        """The one StockMismatch row."""
        row: dict[str, Any] = {
            "variant_id": f"variant_{self.name}",
            "product_id": "p",
            "inventory_item_id": f"item_{self.name}",
        }
        row |= {"level": 1, "wanted_level": self.level, "reason": "differs"}
        return pl.DataFrame([row], schema=dtypes(StockMismatch), orient="row")

    def sync(self, run: SyncRun) -> RunSummary:
        """Set the level, write a table and the reports, and tell Slack."""
        table = self.mismatches
        self.app.tables.write("stock_mismatches", run.id, table)
        result = run.apply(
            Kind.STOCK, table, lambda applier, rows: applier.set_stock(rows, NO_CATALOG), Extent(dry_run=False)
        )
        assert result.counts == Counts(applied=1), result
        detected = ShopModel().detect(offers(), StockRules())
        summary = finish_run(run, SummaryTables(**detected | {"awin_feed_rejects": NO_REJECTS}), command)
        self.app.notify(run.id, Message(":tada:", f"{self.name} is done"))
        return summary


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Installation, Installation]]:
    with ExitStack() as stack:
        one, two = (
            Installation(name, level, tmp_path / name, stack.enter_context(slack_server()))
            for name, level in (("one", 11), ("two", 22))
        )
        for installation in (one, two):
            installation.open(stack)
        yield one, two


def test_two_apps_work_side_by_side(both: tuple[Installation, Installation]) -> None:
    with ExitStack() as stack:
        runs = [
            stack.enter_context(each.app.sync_run(f"run-of-{each.name}", job="daily_sync_job", dry_run=False))
            for each in both
        ]
        with ThreadPoolExecutor(2) as threads:
            summaries = list(threads.map(lambda each, run: each.sync(run), both, runs))
        # Each has the lease of its own shop until its run ends.
        for each in both:
            with pytest.raises(ShopBusyError, match=f"run run-of-{each.name} "):
                Leases(each.app.database).take(each.app.shop_address, run_id="next", job="daily_sync_job")

    for each, run, summary in zip(both, runs, summaries, strict=True):
        app, (other,) = each.app, [one for one in both if one is not each]
        assert each.asked.count("inventory-items/location-levels/batch") == 1
        assert app.shop_address != other.app.shop_address
        assert Leases(app.database).holder(app.shop_address) is None

        ledger = Ledger(app.database)
        assert [found.run_id for found in ledger.recent_runs(app.shop_address, 9)] == [run.id]
        assert (ledger.run(f"run-of-{other.name}"), ledger.recent_runs(other.app.shop_address, 9)) == (None, [])
        (entry,) = ledger.rows(run.id)
        assert (entry.key, entry.after, entry.target_id) == (
            f"variant_{each.name}",
            {"level": each.level},
            f"item_{each.name}",
        )

        assert app.reports.latest() == run.reports.folder
        assert Path(str(summary.path)).is_relative_to(each.home)
        (folder,) = [path for path in (each.home / "reports").iterdir() if not path.is_symlink()]
        told = json.loads((folder / "sync-summary.json").read_text())
        assert (told["run"], told["shop"], told["stock"]["applied"]) == (run.id, app.shop_address, 1)
        assert app.tables.read("stock_mismatches").collect().equals(each.mismatches)
        assert (each.home / "state.db").exists()

        assert each.slack.texts == [f"{each.name} is done"]
        assert Outbox(app.database).pending() == []
        assert f"sk_{each.name}" in app.slack.secrets
        assert f"sk_{other.name}" not in app.slack.secrets


def test_the_state_store_is_opened_when_it_is_needed_and_again_after_it_was_closed(tmp_path: Path) -> None:
    with App(settings_with(awin_medusa_home=str(tmp_path))) as app:
        assert not (tmp_path / "state.db").exists()
        first = app.database
        assert app.database is first
        Ledger(first).start_run("run", shop="http://shop", job="j")
        app.close()
        app.close()
        assert app.database is not first
        assert Ledger(app.database).run("run") is not None


HOMES = [
    ({"awin_medusa_home": "/srv/shop"}, "sqlite:////srv/shop/state.db"),
    ({"awin_medusa_home": "file:///srv/shop"}, "sqlite:////srv/shop/state.db"),
    ({"awin_medusa_home": "s3://bucket/shop", "awin_medusa_database_url": "sqlite:////a.db"}, "sqlite:////a.db"),
    ({"awin_medusa_home": "/srv", "awin_medusa_database_url": "postgresql://h/d"}, "postgresql://h/d"),
]


@pytest.mark.parametrize(("values", "expected"), HOMES)
def test_where_the_store_is(values: dict[str, str], expected: str) -> None:
    assert App(settings_with(**values)).database_url == expected


@pytest.mark.parametrize("home", ["s3://bucket/shop", "sftp://host/shop"])
def test_a_home_for_every_machine_needs_a_store_for_every_machine(home: str) -> None:
    with (
        App(settings_with(awin_medusa_home=home)) as app,
        pytest.raises(StoreError, match="a log and leases of its own") as caught,
    ):
        _ = app.database
    assert "Set it to one PostgreSQL database" in caught.value.to_do


ADDRESS, ADMIN, PUBLISHABLE = (
    {"medusa_backend_url": "http://shop/"},
    {"medusa_admin_api_key": SecretStr("sk_1")},
    {"medusa_publishable_key": SecretStr("pk_1")},
)
WAYS: dict[str, tuple[dict[str, Any], bool, bool | str]] = {
    "nothing set": ({}, False, "MEDUSA_BACKEND_URL is not set"),
    "no key": (ADDRESS, False, "neither MEDUSA_ADMIN_API_KEY nor MEDUSA_PUBLISHABLE_KEY is set"),
    "no key, to change it": (ADDRESS, True, "MEDUSA_ADMIN_API_KEY is not set"),
    "a publishable key": (ADDRESS | PUBLISHABLE, False, False),
    "a publishable key, to change it": (ADDRESS | PUBLISHABLE, True, "MEDUSA_ADMIN_API_KEY is not set"),
    "an admin key": (ADDRESS | ADMIN, True, True),
    "both": (ADDRESS | ADMIN | PUBLISHABLE, False, True),
}


@pytest.mark.parametrize(("values", "applying", "expected"), WAYS.values(), ids=WAYS.keys())
def test_the_client_of_the_shop(values: dict[str, Any], applying: bool, expected: bool | str) -> None:
    app = App(settings_with(**values))
    if isinstance(expected, str):
        with pytest.raises(PermanentError, match=expected):
            app.medusa(applying=applying)
    else:
        with app.medusa(applying=applying) as client:
            assert (client.base_url, client.can_write) == ("http://shop", expected)


def test_known_secrets() -> None:
    settings = settings_with(
        awin_feed_url=SecretStr(
            f"https://productdata.awin.com/datafeed/download/apikey/{KEY}/fid/1/ "
            f"https://ui.awin.com/productdata-darwin-download/publisher/1/{OTHER_KEY}/1/feed/F1.csv.gz /feeds/local.csv"
        ),
        awin_medusa_database_url=SecretStr("postgresql://u:pw-of-store@h/d"),
        slack_bot_token=SecretStr(TOKEN),
    )
    secrets = known_secrets(settings)
    assert {KEY, OTHER_KEY, "pw-of-store", TOKEN} <= set(secrets)
    assert "/feeds/local.csv" not in secrets
    assert KEY not in repr(App(settings).slack)


def test_run_url() -> None:
    assert App(settings_with(dagster_webserver_url="http://ui:3000/")).run_url("abc") == "http://ui:3000/runs/abc"


def test_the_secrets_of_object_storage_and_broker_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-bucket")
    monkeypatch.setenv("CELERY_BROKER_URL", "rediss://:of%2Dthe-broker@broker.example:6379/0")
    monkeypatch.setenv("CELERY_RESULT_BACKEND", "redis://broker.example:6379/0")
    assert {"of-the-bucket", "of-the-broker", "of%2Dthe-broker"} <= set(known_secrets(settings_with()))
    assert "broker.example" not in known_secrets(settings_with())
