"""What the console asks of shop and Etsy: the consent in the browser, and requests of products."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from awin_medusa_pipeline.etsy.store.jobs import JobStatus
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.sandbox.etsy import shop as standin
from awin_medusa_pipeline.sandbox.manager import CONSOLE_CALLBACK
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline_tests.end_to_end.test_etsy import connect
from awin_medusa_pipeline_tests.support.console import RUN, Installation, installation
from awin_medusa_pipeline_tests.support.factories import catalog, variant
from awin_medusa_pipeline_tests.support.goods import Goods

PUBLIC = CONSOLE_CALLBACK.removesuffix("/admin/etsy/callback")


@pytest.fixture
def goods(sandbox: Sandbox, shop: Shop) -> Goods:
    return Goods(sandbox)


@pytest.fixture
def real(
    goods: Goods, sandbox: Sandbox, tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """The console of the sandbox's shop, which Etsy knows by its usual address."""
    home = tmp_path / "home"
    for name, value in (sandbox.environment() | {"AWIN_MEDUSA_HOME": str(home)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWIN_MEDUSA_ENV_FILE", str(tmp_path / ".env"))
    with installation(home, store=migrated_file, settings=Settings(), public=PUBLIC) as found:
        yield found


@pytest.mark.parametrize("import_sales", [False, True])
def test_a_consent_in_the_browser_makes_the_account(
    real: Installation, sandbox: Sandbox, import_sales: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETSY_IMPORT_SALES", str(import_sales).lower())
    real.app.take_over(Settings())
    asked = real.browser().get("/admin/etsy/auth").headers["location"]
    scopes = parse_qs(urlsplit(asked).query)["scope"][0].split()
    assert scopes == ["listings_r", "listings_w", "shops_r"] + (["transactions_r"] if import_sales else [])
    answer = urlsplit(sandbox.etsy.allow(asked))
    assert f"{answer.scheme}://{answer.netloc}{answer.path}" == CONSOLE_CALLBACK
    taken = real.client().get(f"{answer.path}?{answer.query}")
    assert (taken.status_code, taken.headers["location"]) == (303, f"/settings/etsy/{standin.SHOP_NAME}")
    (account,) = real.app.etsy.accounts.all()
    assert (account.shop_name, account.is_active) == (standin.SHOP_NAME, True)
    assert account.covers("transactions_r") is import_sales
    assert (real.app.etsy.sold.cursor(account.id) is not None) is import_sales, "it begins with the consent"
    assert account.api_config.return_policy_id == standin.RETURN_POLICY, "the only choice needs no person"


def test_a_program_requests_and_confirms(real: Installation, sandbox: Sandbox, goods: Goods) -> None:
    connect(real.app.etsy, sandbox.etsy)
    products = [goods.add("oak-lamp"), goods.add("ash-stool")]
    client = real.program()
    asked = client.post(
        "/admin/products/etsy-sync", json={"product_ids": products, "etsy_account_id": standin.SHOP_NAME}
    )
    assert asked.status_code == 202
    assert set(asked.json()) == {"transaction_id", "summary"}
    assert asked.json()["summary"] == {"total": 2}
    job = asked.json()["transaction_id"]
    confirmed = client.post(f"/admin/products/etsy-sync/{job}/confirm")
    assert (confirmed.status_code, confirmed.json()) == (200, {"success": True})
    assert real.app.etsy.jobs.get(job).status is JobStatus.CONFIRMED
    assert sandbox.etsy.listings() == [], "a run of Dagster does the work"


def test_a_product_shows_its_listing_and_is_synced_again(real: Installation, sandbox: Sandbox, goods: Goods) -> None:
    etsy = real.app.etsy
    connect(etsy, sandbox.etsy)
    product = goods.add("oak-lamp")
    real.app.tables.write("medusa_catalog", RUN, catalog(variant("a", product_id=product)))
    browser = real.browser()
    form = {"csrf": real.csrf(browser), "account": standin.SHOP_NAME}
    asked = browser.post(f"/products/{product}/etsy-sync", data=form)
    assert re.fullmatch(r"/etsy/etsy_\w+", asked.headers["location"])
    (job,) = etsy.jobs.all()
    etsy.jobs.confirm(job.transaction_id, "anna")
    job = etsy.jobs.claim(job.transaction_id, "run-1")
    etsy.links.save_listing(job, product, 1234, "https://etsy.test/listing/1234")
    etsy.links.mark_synced(job, product)
    etsy.jobs.finish(job.transaction_id, "run-1")
    shown = browser.get(f"/products/{product}").text
    for part in (
        f'<h3>{standin.SHOP_NAME} <span class="badge good">synced</span>',
        '<a href="https://etsy.test/listing/1234" rel="noreferrer">1234</a>',
    ):
        assert part in shown
    assert re.search(r"<dt>Last synced</dt><dd>[^<]+ s ago</dd>", shown)
    # Again: a second request is taken as soon as the first job is over.
    assert browser.post(f"/products/{product}/etsy-sync", data=form).status_code == 303
