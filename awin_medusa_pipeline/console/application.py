"""Assembles the console: pages, API and Dagster's UI behind one door."""

from collections.abc import Sequence
from types import ModuleType
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from awin_medusa_pipeline.app import SHOPS, App
from awin_medusa_pipeline.console.below import Below, shop_in
from awin_medusa_pipeline.console.dagster_requests import SignedRequests
from awin_medusa_pipeline.console.door import LOOPBACK, Door, within_dagster
from awin_medusa_pipeline.console.errors import add_handlers
from awin_medusa_pipeline.console.pages import HERE
from awin_medusa_pipeline.console.routes import (
    access,
    api,
    discrepancies,
    etsy,
    etsy_connect,
    operations,
    plans,
    products,
    runs,
    settings,
    start,
    today,
)
from awin_medusa_pipeline.console.routes import shops as several
from awin_medusa_pipeline.console.store.access import Access
from awin_medusa_pipeline.console.surroundings import DagsterSide, Surroundings
from awin_medusa_pipeline.core.store.audit import Audit
from awin_medusa_pipeline.shops import Shops

OF_A_SHOP = (today, discrepancies, plans, products, etsy, runs, settings, etsy_connect, operations, api)


def console(shops: Shops, dagster: DagsterSide, public: str, ui: ASGIApp | None = None) -> ASGIApp:
    """Make the application. `public`: its address; `ui`: Dagster's own pages, for paths below /dagster.

    Each of several shops has its pages below /shops/NAME; users are the same for all.
    """
    common, public = shops.common, public.rstrip("/")
    users = Access(common.database)
    signed = SignedRequests(ui, Audit(common.database)) if ui is not None else None
    below = {name: f"{SHOPS}/{name}" for name in shops.names}
    of_shop = {
        name: Below(_pages(Surroundings(shops[name], users, dagster, public + path), OF_A_SHOP), path)
        for name, path in below.items()
    }
    front = (
        _pages(Surroundings(common, users, dagster, public, list(shops.values())), (access, several))
        if of_shop
        else _pages(Surroundings(common, users, dagster, public), (access, start, *OF_A_SHOP))
    )

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")  # none when it starts and ends
        served = signed if signed is not None and within_dagster(path) else of_shop.get(shop_in(path), front)
        await served(scope, receive, send)

    hosts = LOOPBACK | {urlsplit(public).hostname or "localhost"}
    # The first start changes shop and feed.
    return Door(inner, users, hosts, lambda path: content_policy(shops.get(shop_in(path), common)))


def _pages(around: Surroundings, modules: Sequence[ModuleType]) -> FastAPI:
    pages = FastAPI(title="awin-medusa", docs_url=None, redoc_url=None, openapi_url="/admin/openapi.json")
    pages.state.surroundings = around
    for module in modules:
        pages.include_router(module.router)
    pages.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    add_handlers(pages)
    return pages


def content_policy(app: App) -> str:
    """Content-Security-Policy of the pages: no script but ours, no frame, pictures by https and from the own shop."""
    own = {_origin(address) for address in (app.shop_address, *app.settings.feed_addresses)} - {""}
    images = " ".join(["'self'", "https:", *sorted(own)])
    parts = ["default-src 'none'", "script-src 'self'", "style-src 'self'", f"img-src {images}"]
    parts += ["connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
    return "; ".join(parts)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.scheme in ("http", "https") else ""
