"""awin-medusa etsy as a shop owner meets it: from the consent to listings, on a real Medusa and the stand-in."""

import getpass
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli import demo
from awin_medusa_pipeline.cli.main import app
from awin_medusa_pipeline.cli.terminal import console
from awin_medusa_pipeline.core.store.audit import Audit
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.models import EtsyJob
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.sandbox.etsy import shop as standin
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline_tests.support.fault_proxy import AnsweringServer
from awin_medusa_pipeline_tests.support.goods import Goods
from awin_medusa_pipeline_tests.support.picture_files import drawn, file

DEFAULTS = (
    *("--shipping-profile", "Parcel", "--readiness-state", str(standin.READY_TO_SHIP)),
    *("--category", "Home & Living > Mugs", "--who-made", "i_did", "--when-made", "made_to_order"),
)


def run(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(app, ["etsy", *arguments], input=input)


def told(*arguments: str) -> str:
    """The output of a command that goes well."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str) -> str:
    """The sentence of a command that does not."""
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    return result.output


@contextmanager
def opened_etsy() -> Iterator[EtsyState]:
    """The Etsy part of the installation that the environment describes."""
    with App(Settings()) as app:
        yield app.etsy


@pytest.fixture
def home(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An environment that points to the sandbox, with a browser that agrees at once."""
    settings = sandbox.environment() | {
        "IMAGE_ALLOWED_HOSTS": "127.0.0.1 localhost",
        "AWIN_MEDUSA_HOME": str(tmp_path / "home"),
        "AWIN_MEDUSA_ENV_FILE": str(tmp_path / ".env"),
        "DAGSTER_HOME": str(tmp_path / "dagster"),
    }

    def agree(address: str) -> bool:
        return httpx.get(sandbox.etsy.allow(address)).is_success

    # COLUMNS would be too late where it was set when the console was made.
    monkeypatch.setattr(console, "width", 250)
    with patch.dict(os.environ, settings), patch("webbrowser.open", agree):
        yield tmp_path


@pytest.fixture
def goods(sandbox: Sandbox, shop: Shop, home: Path) -> Goods:
    """An empty shop."""
    return Goods(sandbox)


@pytest.mark.parametrize(
    "command",
    [
        *("", "connect", "settings", "accounts", "disconnect", "key"),
        *("request", "confirm", "reject", "retry", "sync", "sales", "jobs", "show"),
    ],
)
def test_help_of_every_command(command: str) -> None:
    assert "--help" in told(*command.split(), "--help")


def test_from_connecting_to_a_listing(goods: Goods, sandbox: Sandbox) -> None:
    goods.add("oak-lamp")
    shown = told("connect", *DEFAULTS)
    for words in ("Connected: StandInShop, prices in GBP", "Parcel", "Home & Living > Mugs", "ready to ship 1-3 days"):
        assert words in shown
    assert "drafts" in told("accounts")

    shown = told("request", "oak-lamp")
    assert "Oak lamp │ create" in shown
    assert "No listing fee: nothing is published." in shown
    (job,) = jobs()
    assert f"awin-medusa etsy confirm {job}" in shown
    assert "pending until" in told("jobs")
    short = job.removeprefix("etsy_")[:6]
    assert f"Confirmed: {job}, 1 products." in told("confirm", short)
    assert f"{job}: 1 synced" in told("sync", short)
    shown = told("show", short)
    assert "completed" in shown
    assert sandbox.etsy.url in shown
    assert [listing["fields"]["title"] for listing in sandbox.etsy.listings()] == ["Oak lamp"]
    assert "Only a confirmed job can be started" in refused("sync", short)
    assert f"Confirming the Etsy job {job}: it is completed." in refused("confirm", short)
    assert decided(job) == ["confirm_etsy_job", "request_etsy_job"]
    assert "Disconnected: StandInShop" in told("disconnect")
    assert "Connect one: awin-medusa etsy connect." in refused("request", "oak-lamp")


def test_sales_lower_the_levels_in_the_shop(goods: Goods, sandbox: Sandbox, home: Path) -> None:
    product_id = goods.add("oak-lamp")
    assert "No Etsy shop is connected." in told("sales")
    told("connect", *DEFAULTS, "--publish")
    os.environ["ETSY_IMPORT_SALES"] = "true"
    shown = refused("sales", "--import")
    assert "Connect the shop once more: awin-medusa etsy connect --import-sales." in shown
    told("request", "oak-lamp")
    (job,) = jobs()
    told("confirm", job)
    told("sync", job)
    (listing,) = sandbox.etsy.listings()
    sandbox.etsy.change(clock_ahead=-60)
    sandbox.etsy.sell(listing["listing_id"], {"oak-lamp-S": 1})
    sandbox.etsy.change(clock_ahead=0)
    assert "Sales on Etsy lower the levels in Medusa from now on." in told("connect")
    sandbox.etsy.change(clock_ahead=2)
    order = sandbox.etsy.sell(listing["listing_id"], {"oak-lamp-M": 3})
    shown = told("sales", "--import")
    assert re.search(rf"│ {order} +│ Oak lamp *│ 3 +│ taken", shown)
    assert "StandInShop: imported" in shown
    assert goods.levels(product_id) == {"oak-lamp-S": 7, "oak-lamp-M": 4}
    told("sales", "--import")
    (found,) = json.loads(told("sales", "--json"))["shops"]
    (sale,) = found["sales"]
    assert (sale["receipt_id"], sale["state"], sale["taken"], sale["product_id"]) == (order, "taken", 3, product_id)
    undone = CliRunner().invoke(app, ["undo", sale["run"][:8]])
    assert undone.exit_code == 0, undone.output
    assert goods.levels(product_id) == {"oak-lamp-S": 7, "oak-lamp-M": 7}
    assert "undone" in told("sales", "--import")
    assert goods.levels(product_id) == {"oak-lamp-S": 7, "oak-lamp-M": 7}


def test_sales_that_are_not_imported(goods: Goods, sandbox: Sandbox) -> None:
    shown = told("connect", *DEFAULTS, "--import-sales")
    assert "set ETSY_IMPORT_SALES=true in .env" in shown
    assert "its sales are not imported (ETSY_IMPORT_SALES is off)" in told("sales")
    assert "ETSY_IMPORT_SALES is off. Set ETSY_IMPORT_SALES=true in .env." in refused("sales", "--import")


def test_pictures_are_told_before_the_confirmation_and_what_etsy_does_not_take_is_converted(
    goods: Goods, sandbox: Sandbox
) -> None:
    served = {
        "/lamp.jpg": (200, "image/jpeg", file("WEBP")),
        "/page.jpg": (200, "image/jpeg", b"<html>not here any more</html>" + b" " * 40),
        "/print.jpg": (200, "image/jpg", file("JPEG", drawn("CMYK"))),
    }
    with AnsweringServer(lambda path: served.get(path, (404, "text/html", b""))) as web:
        pictures = [{"url": f"{web}/{name}.jpg"} for name in ("lamp", "gone", "page", "print")]
        goods.add("oak-lamp", title="Oak lamp, 5€ off", images=pictures)
        goods.add("mug", images=pictures[1:3])
        told("connect", *DEFAULTS, "--publish")
        shown = told("request", "oak-lamp", "mug")
        lamp = f"{web}/gone.jpg (HTTP 404), {web}/page.jpg (it is no picture that is known, called image/jpeg)"
        assert f"Oak lamp, 5€ off: Without 2 of its 4 pictures: {lamp}." in shown
        assert "Title: currency signs, which Etsy refuses, were written out." in shown
        assert "Refused: Mug: Etsy publishes nothing without a picture. Without 2 of its 2 pictures:" in shown
        (job,) = jobs()
        told("confirm", job)
        told("sync", job)
        assert "Without 2 of its 4 pictures" in told("show", job)
    (listing,) = sandbox.etsy.listings()
    assert (listing["fields"]["title"], len(listing["images"])) == ("Oak lamp, 5 EUR off", 2)
    images = sandbox.etsy.state()["images"].values()
    assert {image["content_type"] for image in images} == {"image/jpeg"}


def test_nothing_there_yet(home: Path) -> None:
    assert "No Etsy shop is connected." in told("accounts")
    assert "No Etsy job was requested yet." in told("jobs")
    assert "Looking for the Etsy job etsy_12345678: there is none." in refused("confirm", "etsy_12345678")
    assert "Connect one: awin-medusa etsy connect." in refused("request", "oak-lamp")
    assert "none is connected" in refused("settings")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"ETSY_KEYSTRING": ""}, "Using Etsy: ETSY_KEYSTRING is not set. Copy keystring"),
        ({"ETSY_SHARED_SECRET": ""}, "Using Etsy: ETSY_SHARED_SECRET is not set."),
        ({"AWIN_MEDUSA_SECRET_KEY": ""}, "Put a key into .env; make one: awin-medusa etsy key."),
        ({"ETSY_REDIRECT_URI": "https://shop.example/back"}, "the browser would not come back to this machine"),
        ({"ETSY_SHARED_SECRET": "wrong"}, "Check ETSY_KEYSTRING and ETSY_SHARED_SECRET"),
    ],
)
def test_connecting_with_wrong_settings(home: Path, sandbox: Sandbox, settings: dict[str, str], sentence: str) -> None:
    os.environ.update(settings)
    assert sentence in refused("connect", *DEFAULTS)
    with opened_etsy() as etsy:
        assert etsy.accounts.all() == []


def test_the_owner_does_not_agree(home: Path, sandbox: Sandbox) -> None:
    def deny(address: str) -> bool:
        answer = httpx.get(httpx.URL(address).copy_merge_params({"approve": "0"}))
        return httpx.get(answer.headers["location"]).is_success

    with patch("webbrowser.open", deny):
        assert "access_denied" in refused("connect", *DEFAULTS)


def test_what_is_not_given_is_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Name one with --shipping-profile: " in (sentence := refused("connect"))
    assert "Name one with --category: " in sentence
    monkeypatch.setattr("awin_medusa_pipeline.cli.etsy_connect.is_terminal", lambda: True)
    # A shipping profile of two, a processing profile that there is not and one that there is, a category by its word;
    # at the end what is proposed, by Enter.
    answers = f"{standin.MANUAL_PROFILE}\nmoon\nmade to order\nmug\nI did\n2010_2019\n\n"
    result = run("connect", input=answers)
    assert result.exit_code == 0, result.output
    with opened_etsy() as etsy:
        config = etsy.accounts.find().api_config
    assert (config.shipping_profile_id, config.readiness_state_id, config.taxonomy_id) == (
        standin.MANUAL_PROFILE,
        standin.MADE_TO_ORDER,
        standin.MUGS,
    )
    assert config.eu_shop is False
    assert (config.who_made, config.when_made, config.return_policy_id) == ("i_did", "2010_2019", standin.RETURN_POLICY)


def test_a_shop_in_the_eu_is_known_by_its_country(home: Path, sandbox: Sandbox) -> None:
    sandbox.etsy.change(is_eu=True)
    assert re.search(r"in the EU +yes", told("connect", *DEFAULTS))
    with opened_etsy() as etsy:
        assert etsy.accounts.find().api_config.eu_shop is True
    told("connect", "--no-eu-shop")
    with opened_etsy() as etsy:
        assert etsy.accounts.find().api_config.eu_shop is False


def test_connected_again_a_shop_keeps_its_settings(home: Path) -> None:
    told("connect", *DEFAULTS, "--publish", "--price-multiplier", "1.15", "--shipping-profile", "Parcel by weight")
    told("connect", "--drafts")
    with opened_etsy() as etsy:
        (account,) = etsy.accounts.all()
    assert (str(account.api_config.price.multiplier), account.api_config.publish) == ("1.15", False)
    assert account.api_config.calculated_shipping


def test_connected_again_what_the_shop_has_no_longer_is_chosen_again(home: Path) -> None:
    told("connect", *DEFAULTS)
    with opened_etsy() as etsy:
        account = etsy.accounts.find()
        etsy.accounts.configure(account.id, account.api_config.model_copy(update={"return_policy_id": 5}))
    # There is one return policy, so nothing has to be asked.
    told("connect")
    with opened_etsy() as etsy:
        assert etsy.accounts.find().api_config.return_policy_id == standin.RETURN_POLICY


def test_settings_of_a_shop_as_a_file(home: Path) -> None:
    told("connect", *DEFAULTS)
    settings = json.loads(told("settings"))
    settings["by_category"] = {"shirts": {"taxonomy_id": standin.SHIRTS}}
    (file := home / "etsy.json").write_text(json.dumps(settings))
    assert "Settings of StandInShop changed." in told("settings", "--file", str(file))
    assert json.loads(told("settings"))["by_category"]["shirts"]["taxonomy_id"] == standin.SHIRTS
    for wrong, sentence in (
        ({"by_category": {"shirts": {"taxonomy_id": 5}}}, "Checking taxonomy_id of the category shirts"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"when_made": "soon"}, "when_made: String should match"),
    ):
        file.write_text(json.dumps(settings | wrong))
        assert sentence in refused("settings", "--file", str(file))
    file.write_text("{")
    assert "it is not JSON" in refused("settings", "--file", str(file))
    assert json.loads(told("settings"))["by_category"]["shirts"]["taxonomy_id"] == standin.SHIRTS


def test_a_key_and_another_one(home: Path) -> None:
    name, _, key = told("key").strip().partition("=")
    assert name == "AWIN_MEDUSA_SECRET_KEY"
    told("connect", *DEFAULTS)
    old = os.environ["AWIN_MEDUSA_SECRET_KEY"]
    os.environ["AWIN_MEDUSA_SECRET_KEY"] = f"{key} {old}"
    assert "The tokens of 1 shop are encrypted" in told("key", "--rotate")
    os.environ["AWIN_MEDUSA_SECRET_KEY"] = key
    told("connect", "--drafts")
    os.environ["AWIN_MEDUSA_SECRET_KEY"] = old
    assert "no key in AWIN_MEDUSA_SECRET_KEY fits" in refused("key", "--rotate")


def test_confirming_too_late(goods: Goods, sandbox: Sandbox) -> None:
    goods.add("lamp")
    told("connect", *DEFAULTS)
    told("request", "lamp")
    (job,) = jobs()
    with opened_etsy() as etsy, etsy.database.writing() as session:
        session.execute(sa.update(EtsyJob).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert f"Confirming the Etsy job {job}: it is failed (confirmation timed out)" in refused("confirm", job)
    assert "confirmation timed out" in told("jobs")
    assert sandbox.slack_messages()[-1]["text"].startswith("Etsy shop StandInShop: confirmation timed out")
    told("request", "lamp")


def test_rejecting_leaves_everything_as_it_was(goods: Goods) -> None:
    goods.add("lamp")
    told("connect", *DEFAULTS)
    told("request", "lamp")
    (job,) = jobs()
    assert "another open job" in refused("request", "lamp")
    assert "Nothing was sent." in told("reject", job)
    assert "it is failed (rejected by" in refused("confirm", job)
    assert decided(job) == ["reject_etsy_job", "request_etsy_job"]
    with opened_etsy() as etsy:
        assert etsy.links.of_account(1) == []


def test_retrying_a_job_whose_run_has_died(goods: Goods) -> None:
    goods.add("lamp")
    told("connect", *DEFAULTS)
    told("request", "lamp")
    (job,) = jobs()
    told("confirm", job)
    assert "it is confirmed" in refused("retry", job)
    with opened_etsy() as etsy:
        etsy.jobs.claim(job, "a-run-that-nobody-knows")
    assert "try 2" in told("retry", job)
    assert decided(job) == ["retry_etsy_job", "confirm_etsy_job", "request_etsy_job"]
    assert "1 synced" in told("sync", job)


def test_the_demo_comes_to_etsy_and_then_finds_nothing_to_do(
    goods: Goods, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("lamp", "mug", "shirt", "vase"):
        goods.add(name)
    show_demo(sandbox)
    first, second = capsys.readouterr().out.split("The same once more")
    assert "3 to create." in first
    assert "9 calls that write" in first
    assert "3 unchanged." in second
    assert "0 calls that write" in second
    # After a reset of the sandbox the stand-in has no listing, and the same products are created again.
    sandbox.etsy.reset()
    show_demo(sandbox)
    assert "3 to create." in capsys.readouterr().out
    assert len(sandbox.etsy.listings()) == 3


def show_demo(sandbox: Sandbox) -> None:
    with App(Settings()) as installation:
        demo.show_etsy(installation, sandbox)


def decided(job: str) -> list[str]:
    """What was decided on a job, newest first; all of it at the command line by the user of this machine."""
    with App(Settings()) as installation:
        entries = Audit(installation.database).newest(10, job)
    assert {(one.who, one.via) for one in entries} == {(getpass.getuser(), "command line")}
    return [one.action for one in entries]


def jobs() -> list[str]:
    with opened_etsy() as etsy:
        return [job.transaction_id for job in etsy.jobs.all()]
