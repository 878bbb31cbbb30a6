"""The whole sandbox, on the real thing."""

import os
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from awin_medusa_pipeline.core.ports import HOST, port_is_free
from awin_medusa_pipeline.sandbox import Sandbox, SandboxError, Shop, medusa
from awin_medusa_pipeline.sandbox.processes import silent
from awin_medusa_pipeline.sandbox.seed import CURRENCIES, STOCK_LOCATION
from awin_medusa_pipeline_tests.support.etsy_caller import Caller


def pids(sandbox: Sandbox) -> dict[str, int | None]:
    return {service.name: service.pid for service in sandbox.status().services}


def titles(shop: Shop) -> list[str]:
    with shop.client() as client:
        return [product["title"] for product in client.get("/admin/products").raise_for_status().json()["products"]]


def add_product(shop: Shop, title: str) -> None:
    with shop.client() as client:
        client.post(
            "/admin/products", json={"title": title, "options": [{"title": "Size", "values": ["S"]}]}
        ).raise_for_status()


def test_up_again_changes_nothing(sandbox: Sandbox, shop: Shop):
    before = pids(sandbox)
    with ThreadPoolExecutor(2) as pool:
        shops = list(pool.map(lambda _: Sandbox(sandbox.folder.parent, software=sandbox.software).up(), range(2)))
    assert shops == [shop, shop]
    assert pids(sandbox) == before
    assert None not in before.values()
    assert sandbox.status().running


def test_a_key_that_is_remembered_is_still_checked(shop: Shop):
    def answers(key: str) -> list[int]:
        path = f"{shop.base_url}/admin/products?limit=1"
        return [httpx.get(path, auth=(key, "")).status_code for _ in range(2)]

    with shop.client() as client:
        made = client.post("/admin/api-keys", json={"title": "another", "type": "secret"}).json()["api_key"]
        assert answers(shop.admin_key) == answers(made["token"]) == [200, 200]
        assert answers(f"{made['token'][:-1]}_") == [401, 401]
        client.post(f"/admin/api-keys/{made['id']}/revoke", json={}).raise_for_status()
    assert answers(made["token"]) == [401, 401]


def test_shop_is_seeded(shop: Shop):
    with shop.client() as client:
        store = client.get("/admin/stores", params={"fields": "*supported_currencies"}).json()["stores"][0]
        regions = client.get("/admin/regions", params={"fields": "currency_code,countries.iso_2"}).json()["regions"]
        location = client.get(
            f"/admin/stock-locations/{shop.stock_location_id}", params={"fields": "name,sales_channels.id"}
        ).json()["stock_location"]
        profiles = client.get("/admin/shipping-profiles").json()["shipping_profiles"]
    default = {c["currency_code"]: c["is_default"] for c in store["supported_currencies"]}
    assert default == {code: code == CURRENCIES[0] for code in CURRENCIES}
    assert {region["currency_code"] for region in regions} == set(CURRENCIES)
    assert "gb" in [country["iso_2"] for region in regions for country in region["countries"]]
    assert location["name"] == STOCK_LOCATION["name"]
    assert [channel["id"] for channel in location["sales_channels"]] == [shop.sales_channel_id]
    assert [profile["id"] for profile in profiles] == [shop.shipping_profile_id]
    store_answer = httpx.get(f"{shop.base_url}/store/products", headers={"x-publishable-api-key": shop.publishable_key})
    assert store_answer.json()["count"] == 0


def test_upload_is_served_from_the_address_it_names(shop: Shop):
    with shop.client() as client:
        file = client.post("/admin/uploads", files={"files": ("a.png", b"\x89PNG", "image/png")}).json()["files"][0]
    assert file["url"].startswith(shop.base_url)
    assert httpx.get(file["url"]).content == b"\x89PNG"


def test_reset_empties_the_shop_and_keeps_its_keys(sandbox: Sandbox, shop: Shop):
    add_product(shop, "Kettle")
    httpx.post(sandbox.environment()["SLACK_WEBHOOK_URL"], json={"text": "hello"}).raise_for_status()
    assert sandbox.slack_messages() == [{"text": "hello"}]
    sandbox.reset()
    assert titles(sandbox.shop) == []
    assert sandbox.shop == shop
    assert sandbox.slack_messages() == []


def test_etsy_is_there_and_empty_after_a_reset(sandbox: Sandbox, shop: Shop):
    with Caller(sandbox.etsy) as caller:
        listing_id = caller.create()
    assert [found["listing_id"] for found in sandbox.etsy.listings()] == [listing_id]
    assert sandbox.etsy.environment().items() <= sandbox.environment().items()
    sandbox.reset()
    assert sandbox.etsy.listings() == []


def test_snapshot_is_what_the_shop_was(sandbox: Sandbox, shop: Shop):
    add_product(shop, "Kettle")
    sandbox.snapshot("one")
    add_product(shop, "Pan")
    assert sorted(titles(shop)) == ["Kettle", "Pan"]
    sandbox.reset("one")
    assert titles(shop) == ["Kettle"]
    with pytest.raises(SandboxError, match=r"'two'.*no such snapshot"):
        sandbox.reset("two")


def test_killed_processes_are_started_again(sandbox: Sandbox, shop: Shop):
    add_product(shop, "Kettle")
    before = pids(sandbox)
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(pids(sandbox).values()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert {service.state for service in sandbox.status().services} == {"stopped"}
    with pytest.raises(SandboxError, match=r"does not run.*sandbox up"):
        sandbox.reset()
    assert sandbox.up() == shop
    assert titles(shop) == ["Kettle"]
    assert not set(before.values()) & set(pids(sandbox).values())


def test_keys_are_private(sandbox: Sandbox, shop: Shop):
    for name in ("credentials.json", "secrets.json"):
        assert (sandbox.folder / name).stat().st_mode & 0o777 == 0o600
    assert shop.admin_key not in repr(shop)
    assert sandbox.environment()["MEDUSA_ADMIN_API_KEY"] == shop.admin_key


def test_other_port_while_it_runs(sandbox: Sandbox):
    other = Sandbox(sandbox.folder.parent, sandbox.port + 300, software=sandbox.software)
    with pytest.raises(SandboxError, match=f"runs already, on port {sandbox.port}.*sandbox down"):
        other.up()


def test_port_taken_is_told_before_anything_is_made(tmp_path: Path):
    with socket.socket() as taken:
        port = next(port for port in range(24_500, 24_900) if all(map(port_is_free, range(port - 2, port + 3))))
        taken.bind((HOST, port))
        taken.listen()
        with pytest.raises(SandboxError, match=f"port {port}.*another program.*--port"):
            Sandbox(tmp_path, port - 2).up()
    assert [path.name for path in tmp_path.iterdir()] == ["sandbox.lock"]


def test_what_was_never_set_up(tmp_path: Path):
    never = Sandbox(tmp_path, 31990)
    assert not never.status().running
    assert {service.state for service in never.status().services} == {"stopped"}
    assert never.down() is False
    with pytest.raises(SandboxError, match=r"never set up.*sandbox up"):
        never.environment()
    assert not never.folder.exists()


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("npm error code ENOSPC", "disk is full"),
        ("npm error code ENOTFOUND", "registry could not be reached"),
        ("npm error something else", "Run the command again"),
    ],
)
def test_npm_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, advice: str):
    npm = tmp_path / "npm.py"
    npm.write_text(f"print({output!r}); raise SystemExit(1)")
    monkeypatch.setattr(medusa, "find_node", lambda: (Path(sys.executable), npm))
    software = medusa.Software(tmp_path / "software")
    with pytest.raises(SandboxError) as caught:
        software.install(silent)
    assert output in str(caught.value)
    assert advice in str(caught.value)
    assert not software.installed


def test_full_disk_is_told_before_npm_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(medusa, "SOFTWARE_BYTES", 2**60)
    with pytest.raises(SandboxError, match=r"GB left.*AWIN_MEDUSA_HOME"):
        medusa.Software(tmp_path).install(silent)


def test_lock_file_names_no_address():
    lock = medusa.shop_file("package-lock.json").decode()
    assert '"resolved"' not in lock
    assert '"integrity"' in lock
