"""Serves the console over HTTP on an installation of its own, with a shop's tables, plans, runs and Etsy jobs."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import uvicorn

from awin_medusa_pipeline.app import STATE_FILE, App
from awin_medusa_pipeline.console.application import console
from awin_medusa_pipeline.console.door import COOKIE
from awin_medusa_pipeline.console.store.access import Access, Scope
from awin_medusa_pipeline.core.contracts import dtypes
from awin_medusa_pipeline.core.store.secrets import new_key
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.domain.plan import FieldChange, Proposal
from awin_medusa_pipeline.etsy.domain.tokens import TokenPair
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, RequestedProduct
from awin_medusa_pipeline.settings import Settings
from awin_medusa_pipeline.shops import Shops
from awin_medusa_pipeline.sync.domain.contracts import (
    AdoptionCandidate,
    ContentMismatch,
    LooseMatch,
    MatchedProduct,
    MedusaOnlyProduct,
    PriceMismatch,
    RejectedRow,
    ReturningProduct,
    StockMismatch,
)
from awin_medusa_pipeline.sync.domain.operations import Kind, NotSent, Operation, Status
from awin_medusa_pipeline.sync.store.held_plans import HeldPlan, HeldPlans
from awin_medusa_pipeline.sync.store.ledger import Ledger, Outcome
from awin_medusa_pipeline_tests.support.factories import catalog, missing, offer, variant

SHOP = "http://127.0.0.1:9"
"""Nothing listens there."""
RUN = "0a1b2c3d-0000-4000-8000-000000000000"
NAME, PASSWORD = "anna", "correct horse battery"
HOSTILE = "<script>alert(1)</script>\" onload='alert(2)' ![x](/dagster/graphql?query=mutation) \u202e{{913*77}}"
"""A title that an advertiser could send: script, attribute, Markdown, direction mark, template."""


@dataclass
class DagsterStub:
    """Answers as told; the real one is tried in end_to_end/test_console.py."""

    running: bool = True
    ended: dict[str, str] = field(default_factory=dict)
    own: bool = True
    read_anew: int = 0

    def alive(self) -> bool:
        """Whether a daemon runs."""
        return self.running

    def how_run_ended(self, run_id: str) -> str | None:
        """How a run ended."""
        return self.ended.get(run_id)

    def read_settings_anew(self) -> bool:
        """Whether it could be started again."""
        self.read_anew += 1
        return self.own


def frame(contract: Any, *rows: Mapping[str, Any]) -> pl.DataFrame:
    """A table of a contract from some of its columns."""
    return pl.DataFrame([dict(row) for row in rows], schema=dict(dtypes(contract)), orient="row")


@dataclass
class Installation:
    """One installation with a user, and its console at `url`."""

    app: App
    access: Access
    dagster: DagsterStub
    url: str = ""
    _cookie: str = ""

    def client(self, **headers: str) -> httpx.Client:
        """A client without a credential."""
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def program(self, scope: Scope = Scope.DECIDE) -> httpx.Client:
        """A client with an API token."""
        return self.client(authorization=f"Bearer {self.access.make_token('test', scope, NAME)}")

    def person(self, **headers: str) -> httpx.Client:
        """A client with the cookie of somebody who is logged in, who says nothing of where a request comes from."""
        client = self.client(**headers)
        if not self._cookie:
            self._cookie = self.access.log_in(NAME, PASSWORD, "127.0.0.1").cookie
        client.cookies.set(COOKIE, self._cookie, domain="127.0.0.1")
        return client

    def browser(self) -> httpx.Client:
        """A client that is logged in, and says of each request that a page of ours made it."""
        return self.person(**{"sec-fetch-site": "same-origin", "accept": "text/html"})

    def csrf(self, client: httpx.Client) -> str:
        """The token that forms of this browser carry."""
        visitor = self.access.visitor_of_cookie(client.cookies[COOKIE])
        assert visitor is not None
        return visitor.csrf

    def plan(self, kind: Kind = Kind.HIDE, run_id: str = RUN, **titles: str) -> HeldPlan:
        """Hold a plan; `titles` by product id."""
        rows = [
            {"product_id": id_, "handle": id_, "title": title, "status": "published", "reason": "not_in_feed"}
            for id_, title in (titles or {"prod_a": "Lamp", "prod_b": "Mug"}).items()
        ]
        table = frame(MedusaOnlyProduct, *rows)
        return HeldPlans(self.app.database).keep(SHOP, kind, run_id, table, ["more than 10 % at once"], hours=24)

    def run(self, run_id: str = RUN, *, applied: int = 2, failed: int = 1, when: datetime | None = None) -> None:
        """Record a finished run with its log, reports and summary."""
        ledger = Ledger(self.app.database)
        run = ledger.start_run(run_id, shop=SHOP, job="daily_sync_job", started_at=when)
        operations = [
            Operation(f"variant_{n}", {"level": 10}, {"level": 0}, f"item_{n}", "Lamp") for n in range(applied)
        ]
        if operations:
            ids = ledger.record_intents(run_id, Kind.STOCK, operations)
            ledger.record_outcomes([Outcome(id_, Status.APPLIED) for id_ in ids])
        bad = [NotSent(Operation("variant_x", {"level": 1}), "the shop said no", Status.FAILED)] * failed
        ledger.record_not_sent(run_id, Kind.STOCK, bad)
        reports = self.app.reports.of(run)
        for kind in Kind:
            reports.write_operations(kind, ledger.rows(run_id, kind))
        counts = {
            str(kind): dict.fromkeys(("planned", "applied", "unchanged", "skipped", "held", "failed"), 0)
            for kind in Kind
        }
        counts["stock"] |= {"planned": applied + failed, "applied": applied, "failed": failed}
        facts = {"run": run_id, "job": run.job, "shop": SHOP, "dry_run": False, "started_at": run.started_at}
        numbers = {"missing_in_medusa": 1, "medusa_only": 2, "stock_mismatches": applied + failed, "notes": ["A note."]}
        reports.write_json(facts | numbers | counts)
        reports.write_csv(frame(StockMismatch), "stock-mismatches.csv")
        reports.write_page()
        reports.point_latest()
        ledger.finish_run(run_id)

    def tables(self, title: str = "Lamp") -> None:
        """Write every table as a run would."""
        write = self.app.tables.write
        write(
            "medusa_catalog", RUN, catalog(variant("a", title=title, images=["https://img.test/a.png"]), variant("b"))
        )
        write("missing_awin_products", RUN, missing(offer("new", name=title)))
        shared = {"title": title, "handle": "handle-prod_a"}
        rows: dict[str, tuple[Any, dict[str, Any]]] = {
            "medusa_only_products": (
                MedusaOnlyProduct,
                shared
                | {
                    "product_id": "prod_b",
                    "ours": True,
                    "ignored": False,
                    "loose_match": False,
                    "reason": "not_in_feed",
                },
            ),
            "returning_products": (
                ReturningProduct,
                shared | {"product_id": "prod_b", "hidden_by_run": RUN, "offer_keys": "awin:1:b"},
            ),
            "stock_mismatches": (
                StockMismatch,
                {
                    "variant_id": "variant_a",
                    "product_id": "prod_a",
                    "title": title,
                    "level": 3,
                    "wanted_level": 10,
                    "reason": "differs",
                },
            ),
            "price_mismatches": (
                PriceMismatch,
                {
                    "variant_id": "variant_a",
                    "product_id": "prod_a",
                    "title": title,
                    "offer_key": "awin:1:a",
                    "merchant_id": "1",
                    "currency": "gbp",
                    "price": Decimal("12.00"),
                    "shop_price": Decimal("9.99"),
                    "change_percent": 20.1,
                    "edited_by_hand": False,
                    "owner": "feed",
                    "decision": "update",
                },
            ),
            "content_mismatches": (
                ContentMismatch,
                shared
                | {
                    "key": "prod_a:title",
                    "product_id": "prod_a",
                    "field": "title",
                    "value": "A better lamp",
                    "shop_value": title,
                    "edited_by_hand": True,
                    "owner": "shop",
                    "decision": "keep",
                },
            ),
            "adoption_candidates": (
                AdoptionCandidate,
                {
                    "variant_id": "variant_b",
                    "product_id": "prod_b",
                    "name": title,
                    "title": title,
                    "agrees": "SKU",
                    "contradicts": "price",
                    "decision": "ask",
                },
            ),
            "loose_matches": (
                LooseMatch,
                {"offer_key": "awin:1:x", "product_id": "prod_b", "score": 91.0, "name": title, "title": title},
            ),
            "awin_feed_rejects": (
                RejectedRow,
                {"feed": "feed.csv", "line": 7, "reason": "no_price", "detail": "It has no price.", "raw": title},
            ),
            "matched_products": (
                MatchedProduct,
                {
                    "offer_key": "awin:1:a",
                    "variant_id": "variant_a",
                    "product_id": "prod_a",
                    "match_reason": "external_id",
                    "merchant_id": "1",
                    "wanted_level": 10,
                    "price": Decimal("12.00"),
                    "currency": "gbp",
                },
            ),
        }
        for table, (contract, row) in rows.items():
            write(table, RUN, frame(contract, row))

    def account(self, name: str = "MyShop") -> EtsyAccount:
        """Connect an Etsy shop."""
        pair = TokenPair("access", "refresh", datetime.now(UTC) + timedelta(hours=1))
        config = EtsyAccountConfig(publish=True)
        return self.app.etsy.accounts.connect(shop_id=7, shop_name=name, currency="GBP", pair=pair, config=config)

    def job(self, account: EtsyAccount, *, title: str = "Lamp", product_id: str = "prod_a") -> EtsyJob:
        """Request one product."""
        changes = (FieldChange("title", None, title),)
        product = RequestedProduct(product_id, title, Proposal.CREATE_AND_PUBLISH, None, changes)
        within = timedelta(hours=1)
        return self.app.etsy.jobs.request(account.id, [product], requested_by=NAME, confirm_within=within)


@contextmanager
def installation(
    home: Path, ui: Any = None, *, store: Path | None = None, settings: Settings | None = None, public: str = ""
) -> Iterator[Installation]:
    """Serve the console of a fresh installation with the user `anna`.

    `store`: an empty one to copy; `settings`: others than those of a shop that does not answer; `public`: the address
    that people type, where it is another one.
    """
    home.mkdir(parents=True, exist_ok=True)
    if store:
        shutil.copy(store, home / STATE_FILE)
    settings = settings or Settings(
        awin_feed_url="/nowhere/feed.csv",
        awin_medusa_home=str(home),
        medusa_backend_url=SHOP,
        medusa_admin_api_key="sk_nothing",
        etsy_keystring="keystring",
        etsy_shared_secret="secret",
        etsy_api_url=SHOP,
        awin_medusa_secret_key=new_key(),
    )
    with App(settings) as app:
        found = Installation(app, Access(app.database), DagsterStub())
        found.access.set_user(NAME, PASSWORD)
        with served(lambda url: console(Shops.of(app), found.dagster, public or url, ui)) as url:
            found.url = url
            yield found


@contextmanager
def served(make: Callable[[str], Any]) -> Iterator[str]:
    """Serve an ASGI application in a thread; yields its address."""
    config = uvicorn.Config(lambda: None, host="127.0.0.1", port=0, log_level="error", access_log=False)
    socket = config.bind_socket()
    url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(make(url), log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, args=([socket],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(10)
        socket.close()


def graphql_stub() -> tuple[Any, list[Mapping[str, Any]]]:
    """An ASGI application in the place of Dagster's web server that takes everything, as that one does (measured:
    mutations by GET, as a form and as plain text, whatever Host and Origin say); and what has reached it."""
    reached: list[Mapping[str, Any]] = []

    async def stub(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            reached.append({"path": scope["path"], "method": "websocket"})
            await send({"type": "websocket.close"})
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        reached.append({"path": scope["path"], "method": scope["method"], "body": body})
        answer = json.dumps({"data": {}}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": answer})

    return stub, reached
