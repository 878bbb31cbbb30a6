"""A shop that cannot be read or written: nothing is lost, the next run finishes the work, and people are told once."""

import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.medusa import client as medusa
from awin_medusa_pipeline.sandbox import Sandbox, Shop
from awin_medusa_pipeline.sandbox.feed_generator import write_feed
from awin_medusa_pipeline.sandbox.processes import silent
from awin_medusa_pipeline.sync.engine import runs
from awin_medusa_pipeline.sync.engine.apply import Engine
from awin_medusa_pipeline_tests.support.fault_proxy import Fault, FaultProxy, seeded_faults
from awin_medusa_pipeline_tests.support.feeds import Answer, Web, row, web_server, write_rows
from awin_medusa_pipeline_tests.support.pipeline import Finished, Pipeline
from awin_medusa_pipeline_tests.support.plain import plain_feed, products_in, sold_in, state_of

NOT_A_KEY = "sk_" + "0ddba11" * 8


@pytest.fixture(autouse=True)
def patience(pipeline: Pipeline) -> None:
    """Repetitions follow one another without a wait, or nearly so."""
    pipeline.environment.setattr(medusa, "Backoff", partial(Backoff, sleep=lambda seconds: None))
    pipeline.environment.setattr(runs, "Engine", partial(Engine, sleep=lambda seconds: time.sleep(seconds / 10)))


@pytest.fixture
def feed(pipeline: Pipeline, tmp_path: Path) -> Path:
    path = write_rows(tmp_path / "feed.csv", row("A"), row("B"))
    pipeline.environment.setenv("AWIN_FEED_URL", str(path))
    return path


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as web:
        yield web


def assert_told(finished: Finished, sandbox: Sandbox, *words: str) -> None:
    """The run failed with one sentence, and Slack was told it once."""
    assert finished.error
    for word in words:
        assert word in finished.error
    assert len(finished.error.splitlines()) == 1
    texts = [message["text"] for message in sandbox.slack_messages()]
    alerts = [text for text in texts if finished.run_id in text and " failed" in text.splitlines()[0]]
    assert len(alerts) == 1
    assert finished.error[:80] in alerts[0]


def assert_secret_kept(
    pipeline: Pipeline, run_id: str, sandbox: Sandbox, capfd: pytest.CaptureFixture[str], *secrets: str
) -> None:
    output = capfd.readouterr()
    said = [*pipeline.everything_said(run_id), ("output", output.out + output.err)]
    said.append(("Slack", json.dumps(sandbox.slack_messages())))
    assert {where for where, text in said for secret in secrets if secret in text} == set()


# --- before anything is done ---


def closed(pipeline: Pipeline, sandbox: Sandbox, web: Web) -> None:
    pipeline.environment.setenv("MEDUSA_BACKEND_URL", "http://127.0.0.1:9")


def no_address(pipeline: Pipeline, sandbox: Sandbox, web: Web) -> None:
    pipeline.environment.delenv("MEDUSA_BACKEND_URL")


def no_key(pipeline: Pipeline, sandbox: Sandbox, web: Web) -> None:
    pipeline.environment.delenv("MEDUSA_ADMIN_API_KEY")
    pipeline.environment.delenv("MEDUSA_PUBLISHABLE_KEY")


def wrong_key(pipeline: Pipeline, sandbox: Sandbox, web: Web) -> None:
    pipeline.environment.setenv("MEDUSA_ADMIN_API_KEY", NOT_A_KEY)


def wrong_publishable_key(pipeline: Pipeline, sandbox: Sandbox, web: Web) -> None:
    pipeline.environment.delenv("MEDUSA_ADMIN_API_KEY")
    pipeline.environment.setenv("MEDUSA_PUBLISHABLE_KEY", NOT_A_KEY)


def not_a_shop(pipeline: Pipeline, sandbox: Sandbox, web: Web) -> None:
    web.otherwise = Answer(b"<html>It works!</html>", type="text/html")
    pipeline.environment.setenv("MEDUSA_BACKEND_URL", web.url)


def database_away(pipeline: Pipeline, sandbox: Sandbox, web: Web) -> None:
    """Medusa then refuses a valid key, after a minute."""
    pipeline.environment.setattr(medusa, "_SLOW_401", 0.05)
    web.otherwise = Answer(b'{"message":"Unauthorized"}', 401, "application/json", seconds=0.1)
    pipeline.environment.setenv("MEDUSA_BACKEND_URL", web.url)


def no_such_location(pipeline: Pipeline, sandbox: Sandbox, web: Web) -> None:
    pipeline.environment.setenv("MEDUSA_STOCK_LOCATION", "Attic")


def no_such_channel(pipeline: Pipeline, sandbox: Sandbox, web: Web) -> None:
    pipeline.environment.setenv("MEDUSA_SALES_CHANNEL", "Market stall")


FAULTS = {
    closed: ("medusa_catalog", "no connection", "Check that it is up"),
    no_address: ("medusa_catalog", "MEDUSA_BACKEND_URL is not set", "Set it in .env"),
    wrong_key: ("medusa_catalog", "HTTP 401", "Check MEDUSA_ADMIN_API_KEY"),
    not_a_shop: ("medusa_catalog", "not JSON", "MEDUSA_BACKEND_URL"),
    database_away: ("medusa_catalog", "database is away", "the key may be fine"),
    no_such_location: ("medusa_catalog", "'Attic'", "Warehouse", "MEDUSA_STOCK_LOCATION"),
    no_such_channel: ("medusa_catalog", "'Market stall'", "MEDUSA_SALES_CHANNEL"),
}


# What is read needs one of two keys, what is changed needs the admin key: each job names what it lacks.
KEYS = {
    no_key: ("neither MEDUSA_ADMIN_API_KEY nor MEDUSA_PUBLISHABLE_KEY is set", "MEDUSA_ADMIN_API_KEY is not set"),
    wrong_publishable_key: ("MEDUSA_PUBLISHABLE_KEY", "MEDUSA_ADMIN_API_KEY is not set"),
}


@pytest.mark.parametrize("fault", KEYS, ids=lambda fault: fault.__name__)
def test_each_job_names_the_key_that_it_lacks(
    pipeline: Pipeline, sandbox: Sandbox, shop: Shop, feed: Path, web: Web, fault: object
) -> None:
    fault(pipeline, sandbox, web)
    for job, words in zip(("detect_discrepancies_job", "daily_sync_job"), KEYS[fault], strict=True):  # type: ignore[index]
        finished = pipeline.end_of(job)
        assert words in (finished.error or "")
        assert finished.step == "medusa_catalog"
    assert products_in(shop) == {}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_bad_shop(
    pipeline: Pipeline,
    sandbox: Sandbox,
    shop: Shop,
    feed: Path,
    web: Web,
    capfd: pytest.CaptureFixture[str],
    fault: object,
) -> None:
    step, *words = FAULTS[fault]  # type: ignore[index]
    fault(pipeline, sandbox, web)
    finished = pipeline.end_of()
    assert_told(finished, sandbox, *words)
    assert finished.step == step or (finished.step or "").startswith("awin_feed_currencies")
    assert products_in(shop) == {}
    assert_secret_kept(pipeline, finished.run_id, sandbox, capfd, shop.admin_key, NOT_A_KEY)


def test_a_currency_that_the_shop_lacks(pipeline: Pipeline, sandbox: Sandbox, shop: Shop, feed: Path) -> None:
    write_rows(feed, row("A"), row("B", currency="SEK"))
    finished = pipeline.end_of()
    assert_told(finished, sandbox, "SEK (1 offers)", "the shop has EUR, GBP", "Settings > Store")
    assert products_in(shop) == {}


def test_a_publishable_key_is_enough_to_look(pipeline: Pipeline, sandbox: Sandbox, shop: Shop, feed: Path) -> None:
    write_rows(feed, row("A"), row("B"), row("C"))
    pipeline.run()
    write_rows(feed, row("A"), row("B", in_stock="0"), row("D"))
    pipeline.run("hide_medusa_only_job")
    before = state_of(shop)
    pipeline.environment.delenv("MEDUSA_ADMIN_API_KEY")
    summary = pipeline.run("detect_discrepancies_job").summary
    # Hidden C is not shown to buyers.
    assert (summary["catalog_products"], summary["matched"], summary["missing_in_medusa"]) == (2, 2, 1)
    assert summary["medusa_only"] == 0
    finished = pipeline.end_of()
    assert_told(finished, sandbox, "MEDUSA_ADMIN_API_KEY is not set", "Settings > Secret API Keys")
    assert state_of(shop) == before


# --- half-way ---


def test_a_refused_row_costs_itself(pipeline: Pipeline, sandbox: Sandbox, shop: Shop, feed: Path) -> None:
    stays = row("Z", merchant_id="6001", product_name="Rug")
    write_rows(feed, row("A", merchant_id="6001", product_name="Lamp"), stays, row("B0"))
    pipeline.run()
    # Another merchant's product has the SKU, which Medusa takes once.
    write_rows(feed, row("A"), *(row(f"B{number}") for number in range(20)), stays)
    finished = pipeline.end_of()
    assert_told(finished, sandbox, "import 1", "sku: A, already exists", "-log.ndjson")
    summary = finished.summary
    assert (summary["import"]["applied"], summary["import"]["failed"]) == (19, 1)
    assert summary["hide"]["applied"] == 1
    (refused,) = (line for line in finished.log("import") if line["status"] == "failed")
    assert refused["key"] == "awin:7001:A"
    assert "sku: A, already exists" in refused["error"]
    assert len(sold_in(products_in(shop).values())) == 22
    texts = [message["text"] for message in sandbox.slack_messages() if finished.run_id in message["text"]]
    assert ["finished, please look" in text for text in texts] == [True, False], "the summary, then the alert"
    # The next run tries it again; with another SKU it passes.
    assert pipeline.end_of().summary["import"]["failed"] == 1
    pipeline.environment.setenv("SYNC_SKU_TEMPLATE", "{merchant_id}-{merchant_product_id}")
    assert pipeline.run().summary["import"]["applied"] == 1


def test_through_a_bad_line(pipeline: Pipeline, sandbox: Sandbox, shop: Shop, tmp_path: Path) -> None:
    """429, 500, 502, resets before and after the write, and a proxy that takes small bodies only."""
    offers, _ = plain_feed(tmp_path, offers=150, merchants=3)
    write_feed(sandbox.feed_file, offers=150, merchants=3, quirks=False)
    with FaultProxy(shop.base_url, largest=60_000) as proxy:
        pipeline.environment.setenv("MEDUSA_BACKEND_URL", proxy.address)
        proxy.seeded = seeded_faults(11, share=0.2)
        summary = pipeline.run().summary
        assert summary["import"]["applied"] == len(offers)
        assert sold_in(products_in(shop).values()) == offers
        # In one part it would have been two requests: products and levels.
        assert proxy.sent("POST /admin/products/batch") > 2
        proxy.requests.clear()
        pipeline.run()
        assert proxy.requests
        assert [request for request in proxy.requests if not request.startswith("GET")] == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("401", on="POST /admin/products/batch", seconds=0.1), ("database is away", "the next run goes on")),
        (Fault("502", on="POST /admin/products/batch", after=True), ()),
    ],
    ids=["database_away", "answers_lost"],
)
def test_a_shop_that_fails_half_way(
    pipeline: Pipeline, sandbox: Sandbox, shop: Shop, tmp_path: Path, fault: Fault, words: tuple[str, ...]
) -> None:
    pipeline.environment.setattr(medusa, "_SLOW_401", 0.05)
    offers, _ = plain_feed(tmp_path, offers=60, merchants=3)
    write_feed(sandbox.feed_file, offers=60, merchants=3, quirks=False)
    with FaultProxy(shop.base_url, faults=[fault] * 30) as proxy:
        pipeline.environment.setenv("MEDUSA_BACKEND_URL", proxy.address)
        finished = pipeline.end_of()
        if words:
            assert_told(finished, sandbox, *words)
        else:
            assert finished.error is None, "what was carried out is found, although no answer came"
        proxy.faults.clear()
        assert pipeline.run().summary["import"]["failed"] == 0
        assert sold_in(products_in(shop).values()) == offers


def kill_when_it_writes(pipeline: Pipeline, sandbox: Sandbox) -> threading.Thread:
    """End Medusa, by its own process id, while it is at the first batch."""

    def kill() -> None:
        (medusa_process,) = (service for service in sandbox.status().services if service.name == "medusa")
        assert medusa_process.pid
        os.kill(medusa_process.pid, signal.SIGKILL)

    return when_it_writes(pipeline, kill)


def when_it_writes(pipeline: Pipeline, act: Callable[[], None]) -> threading.Thread:
    """Act while Medusa is at the first batch."""

    def wait() -> None:
        with sqlite3.connect(f"file:{pipeline.home / 'state.db'}?mode=ro", uri=True) as state:
            while not state.execute("SELECT count(*) FROM sync_operations WHERE status = 'intent'").fetchone()[0]:
                time.sleep(0.02)
        time.sleep(0.4)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_shop_killed_in_the_middle_of_an_import(
    pipeline: Pipeline, sandbox: Sandbox, shop: Shop, tmp_path: Path
) -> None:
    offers, _ = plain_feed(tmp_path, offers=400, merchants=3)
    write_feed(sandbox.feed_file, offers=400, merchants=3, quirks=False)
    with pipeline.database():
        pass
    killer = kill_when_it_writes(pipeline, sandbox)
    finished = pipeline.end_of("import_missing_job")
    killer.join()
    assert finished.step == "imported_products"
    assert_told(finished, sandbox, "Check that it is up", "the next run goes on from there")
    sandbox.up()
    summary = pipeline.run().summary
    assert summary["import"]["failed"] == 0
    assert sold_in(products_in(shop).values()) == offers
    again = pipeline.run().summary
    assert again["matched"] == len(offers)
    assert sum(again[kind]["planned"] for kind in ("import", "hide", "restore", "stock")) == 0
    # What the ledger left open is settled.
    with sqlite3.connect(pipeline.home / "state.db") as state:
        open_rows = state.execute("SELECT count(*) FROM sync_operations WHERE status IN ('intent', 'unknown')")
        assert open_rows.fetchone()[0] == 0


def test_the_shops_database_started_anew_in_the_middle_of_an_import(
    pipeline: Pipeline, sandbox: Sandbox, shop: Shop, tmp_path: Path
) -> None:
    """Medusa stays up and answers with errors meanwhile; the run goes on, or the next one does."""
    offers, _ = plain_feed(tmp_path, offers=400, merchants=3)
    write_feed(sandbox.feed_file, offers=400, merchants=3, quirks=False)
    with pipeline.database():
        pass

    def restart() -> None:
        sandbox._postgres._service.stop()
        sandbox._postgres.start(silent)

    restarting = when_it_writes(pipeline, restart)
    finished = pipeline.end_of("import_missing_job")
    restarting.join()
    assert finished.error is None or len(finished.error.splitlines()) == 1
    summary = pipeline.run().summary
    assert summary["import"]["failed"] == 0
    assert sold_in(products_in(shop).values()) == offers
    again = pipeline.run().summary
    assert sum(again[kind]["planned"] for kind in ("import", "hide", "restore", "stock")) == 0
