"""doctor finds each fault and says what to do, without showing a secret."""

import io
import re
import socket
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from rich.console import Console

from awin_medusa_pipeline import health
from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli import doctor
from awin_medusa_pipeline.core.errors import Action
from awin_medusa_pipeline.core.store.secrets import new_key
from awin_medusa_pipeline.etsy.domain.plan import Proposal
from awin_medusa_pipeline.etsy.store.jobs import RequestedProduct
from awin_medusa_pipeline.etsy.store.models import EtsyAccount
from awin_medusa_pipeline.health import Finding, State
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sandbox.processes import silent
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline_tests.end_to_end.test_etsy import connect
from awin_medusa_pipeline_tests.support.fault_proxy import Fault, FaultProxy

SECRET = "sk_0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a feed, for all tests here: making Dagster's tables takes a second."""
    return write_feed(tmp_path_factory.mktemp("doctor") / "feed.csv.gz", offers=50).path.parent


@pytest.fixture
def set_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings with a home, a feed, and no shop: the folder that they are in."""
    monkeypatch.setenv("AWIN_FEED_URL", str(folder / "feed.csv.gz"))
    monkeypatch.setenv("AWIN_MEDUSA_HOME", str(folder / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(folder / "dagster"))
    return folder


def examined(*, send_test_message: bool = False) -> list[Finding]:
    """What doctor finds."""
    with patch.object(doctor, "Steps", lambda: nullcontext(silent)):
        return doctor.examine_all(send_test_message)


def what_to_do(finding: Finding) -> str:
    """As doctor shows it."""
    return doctor.what_to_do(finding)


def not_ok(findings: list[Finding], *parts: str) -> dict[str, Finding]:
    return {f.part: f for f in findings if f.state is not State.OK and (not parts or f.part in parts)}


def dead_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("variable", "value", "part", "told"),
    [
        ("SYNC_CRON", "every night", "SYNC_CRON", "invalid cron"),
        ("SYNC_CRON", "0 25 * * *", "SYNC_CRON", "invalid cron"),
        ("ETSY_CRON", "0 25 * * *", "ETSY_CRON", "invalid cron"),
        ("SYNC_SKU_TEMPLATE", "{merchant_id}", "SYNC_SKU_TEMPLATE", "it must hold"),
        ("SYNC_PRICE_COLUMN", "12345=", "SYNC_PRICE_COLUMN", "write 12345=value"),
        ("SYNC_STOCK_LEVEL", "ten", "SYNC_STOCK_LEVEL", "Correct it"),
        ("SYNC_STOCK_LEVEL", "-1", "SYNC_STOCK_LEVEL", "Correct it"),
        ("SYNC_UNKNOWN_STOCK", "maybe", "SYNC_UNKNOWN_STOCK", "Correct it"),
        ("MEDUSA_BACKEND_URL", "localhost:9000", "MEDUSA_BACKEND_URL", "begin with http"),
        ("DAGSTER_WEBSERVER_URL", "here", "DAGSTER_WEBSERVER_URL", "begin with http"),
        ("AWIN_FEED_URL", "", "Feed", "Create-a-Feed"),
        ("AWIN_FEED_URL", "/nowhere/feed.csv", "Feed", "Correct AWIN_FEED_URL"),
        ("AWIN_FEED_URL", f"http://127.0.0.1:1/apikey/{SECRET}/fid/7/", "Feed", "Check the network"),
        ("SYNC_PRICE_COLUMN", "best_price", "Feed", "best_price"),
        ("MEDUSA_BACKEND_URL", "", "Shop", "MEDUSA_BACKEND_URL|localhost:9000"),
        ("MEDUSA_BACKEND_URL", "http://127.0.0.1:1", "Shop", "Set one of them in .env"),
        ("AWIN_MEDUSA_DATABASE_URL", "mysql://shop:x@host/state", "State store", "postgresql://"),
        ("AWIN_MEDUSA_HOME", "/proc/version/home", "Home", "AWIN_MEDUSA_HOME"),
        ("AWIN_MEDUSA_HOME", "/proc/version/home", "State store", "permissions"),
        ("DAGSTER_HOME", "/proc/version/home", "Dagster", "you may write to it"),
        ("SLACK_BOT_TOKEN", "xoxb-1", "Slack", "Set SLACK_CHANNEL"),
    ],
)
def test_fault_comes_with_what_to_do(
    set_up: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, part: str, told: str
):
    monkeypatch.setenv(variable, value)
    finding = not_ok(examined())[part]
    assert finding.state is State.FAULT
    assert re.search(told, f"{finding.found} {finding.to_do}")
    assert SECRET not in f"{finding.found} {finding.to_do}"


def test_web_page_instead_of_a_feed(set_up: Path, monkeypatch: pytest.MonkeyPatch):
    page = set_up / "feed.html"
    page.write_text("<!DOCTYPE html><html><body>Log in</body></html>")
    monkeypatch.setenv("AWIN_FEED_URL", f"{set_up / 'feed.csv.gz'} {page}")
    feeds = [finding for finding in examined() if finding.part == "Feed"]
    assert [finding.state for finding in feeds] == [State.OK, State.FAULT]


def test_dead_port_is_told_at_once(set_up: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MEDUSA_BACKEND_URL", f"http://127.0.0.1:{dead_port()}")
    monkeypatch.setenv("MEDUSA_ADMIN_API_KEY", SECRET)
    assert "no connection" in not_ok(examined(), "Shop")["Shop"].found


def test_little_disk(set_up: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(health, "LITTLE_DISK", 2.0**60)
    assert not_ok(examined())["Disk"].state is State.NOTE


def test_slack_and_daemon_that_are_not_there_are_notes(set_up: Path):
    findings = not_ok(examined(), "Slack", "Dagster")
    assert {part: finding.state for part, finding in findings.items()} == {"Slack": State.NOTE, "Dagster": State.NOTE}
    assert "awin-medusa ui" in what_to_do(findings["Dagster"])


def use(shop: Shop, monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    settings = {"MEDUSA_BACKEND_URL": shop.base_url, "MEDUSA_ADMIN_API_KEY": shop.admin_key, **more}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


def test_sound_set_up_has_no_fault_and_no_secret_in_it(
    set_up: Path, sandbox: Sandbox, shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    environment = sandbox.environment()
    draft = write_feed(sandbox.feed_file, offers=5_000)  # more than doctor downloads
    use(shop, monkeypatch, **{name: environment[name] for name in ("AWIN_FEED_URL", "SLACK_WEBHOOK_URL")})
    findings = examined(send_test_message=True)
    draft.path.unlink()
    assert not_ok(findings).keys() == {"Dagster"}  # no daemon
    assert len(sandbox.slack_messages()) == 1
    console = Console(file=io.StringIO(), width=200, record=True)
    console.print(doctor.findings_table(findings))
    text = console.export_text()
    assert "currencies: EUR, GBP" in text
    for secret in (shop.admin_key, "0123456789abcdef0123456789abcdef", "T00000000"):
        assert secret not in text


@pytest.mark.parametrize(
    ("more", "state", "told"),
    [
        ({"MEDUSA_ADMIN_API_KEY": SECRET}, State.FAULT, "401.*secret key"),
        ({"MEDUSA_SALES_CHANNEL": "Etsy"}, State.FAULT, "'Etsy'.*Default Sales Channel.*Correct MEDUSA_SALES_CHANNEL"),
        ({"MEDUSA_STOCK_LOCATION": "Attic"}, State.FAULT, "'Attic'.*Correct MEDUSA_STOCK_LOCATION"),
        ({"MEDUSA_SHIPPING_PROFILE": "Drone"}, State.FAULT, "'Drone'.*Correct MEDUSA_SHIPPING_PROFILE"),
    ],
)
def test_shop_that_does_not_fit_the_settings(
    set_up: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch, more: dict[str, str], state: State, told: str
):
    use(shop, monkeypatch, **more)
    finding = not_ok(examined(), "Shop")["Shop"]
    assert finding.state is state
    assert re.search(told, f"{finding.found} {finding.to_do}")
    assert SECRET not in finding.found


def test_a_channel_that_sells_from_nowhere(set_up: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch):
    with shop.client() as client:
        client.post("/admin/sales-channels", json={"name": "Web"}).raise_for_status()
    use(shop, monkeypatch, MEDUSA_SALES_CHANNEL="Web")
    (finding,) = [f for f in examined() if f.part == "Shop" and f.state is not State.OK]
    assert finding.state is State.FAULT
    assert "it sells from none" in finding.found
    assert "MEDUSA_SALES_CHANNEL" in finding.to_do


def test_a_shop_that_runs_no_workflows(set_up: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch):
    with FaultProxy(shop.base_url) as proxy:
        proxy.seeded = lambda request: Fault("403") if "workflows-executions" in request else None
        use(shop, monkeypatch, MEDUSA_BACKEND_URL=proxy.address)
        finding = not_ok(examined(), "Shop")["Shop"]
    assert finding.state is State.NOTE
    assert "prices go one product at a time" in finding.found
    assert "/admin/workflows-executions/*/run" in finding.to_do


def test_publishable_key_alone_is_detection_alone(set_up: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch):
    use(shop, monkeypatch, MEDUSA_ADMIN_API_KEY="", MEDUSA_PUBLISHABLE_KEY=shop.publishable_key)
    finding = not_ok(examined(), "Shop")["Shop"]
    assert (finding.state, "MEDUSA_ADMIN_API_KEY" in finding.to_do) == (State.NOTE, True)


def test_a_shop_without_etsy_hears_nothing_of_it(set_up: Path):
    assert [finding for finding in examined() if finding.part == "Etsy"] == []


def test_how_old_the_sales_are(set_up: Path, tmp_path: Path, etsy: EtsyHandle, monkeypatch: pytest.MonkeyPatch):
    for name, value in {**etsy.environment(), "AWIN_MEDUSA_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWIN_MEDUSA_SECRET_KEY", new_key())
    monkeypatch.setenv("ETSY_IMPORT_SALES", "true")

    def told() -> tuple[State, str, Action | None]:
        (found,) = [one for one in examined() if one.part == "Etsy" and "sales" in one.found]
        return found.state, found.found, found.action

    with App(Settings()) as app:
        connect(app.etsy, etsy)
        said = "the consent of StandInShop does not cover its orders, so its sales are not imported"
        assert told() == (State.FAULT, said, Action.CONNECT_ETSY_SALES)
        with app.database.writing() as session:
            session.execute(sa.update(EtsyAccount).values(scopes="shops_r transactions_r"))
        assert told() == (State.NOTE, "sales of StandInShop were not imported yet", None)
        app.etsy.sold.begin(1)
        for hours, state in ((2, State.OK), (4, State.FAULT)):
            at = datetime.now(UTC) - timedelta(hours=hours)
            app.etsy.sold.finish(1, began_at=at, seen_until=at, looked_back=False)
            assert told() == (state, f"sales of StandInShop are imported as of {at:%Y-%m-%d %H:%M} UTC", None)


def test_a_connected_etsy_shop(set_up: Path, tmp_path: Path, etsy: EtsyHandle, monkeypatch: pytest.MonkeyPatch):
    for name, value in {**etsy.environment(), "AWIN_MEDUSA_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWIN_MEDUSA_SECRET_KEY", new_key())

    def told() -> list[tuple[State, str]]:
        return [(finding.state, finding.found) for finding in examined() if finding.part == "Etsy"]

    assert told() == [(State.NOTE, "no shop is connected")]
    with App(Settings()) as app:
        connected = app.etsy
        connect(connected, etsy)
        assert told() == [(State.OK, "StandInShop answers; prices in GBP")]
        connect(connected, etsy, readiness_state_id=5, when_made=None)
        products = [RequestedProduct("prod_1", "Lamp", Proposal.CREATE)]
        job = connected.jobs.request(1, products, requested_by="ann", confirm_within=timedelta(hours=1))
        assert told() == [
            (State.OK, "StandInShop answers; prices in GBP"),
            (State.FAULT, "StandInShop has no processing profile 5 any more (readiness_state_id)"),
            (State.NOTE, "no default for when_made: a product without one of its own is refused"),
            (State.NOTE, f"{job.transaction_id} waits for a confirmation (1 products)"),
        ]
    monkeypatch.setenv("ETSY_SHARED_SECRET", "wrong-4711")
    (finding, _) = [finding for finding in examined() if finding.part == "Etsy"]
    assert finding.state is State.FAULT
    assert "Check ETSY_KEYSTRING and ETSY_SHARED_SECRET" in finding.to_do
    assert "4711" not in finding.found + finding.to_do
