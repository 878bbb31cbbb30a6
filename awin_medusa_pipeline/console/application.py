"""Assembles the console: pages, API and Dagster's UI behind one door."""

from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from awin_medusa_pipeline.app import App
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
from awin_medusa_pipeline.console.store.access import Access
from awin_medusa_pipeline.console.surroundings import DagsterSide, Surroundings
from awin_medusa_pipeline.core.store.audit import Audit

ROUTERS = tuple(
    module.router
    for module in (
        *(access, start, today, discrepancies, plans, products, etsy, runs, settings),
        *(etsy_connect, operations, api),
    )
)


def console(app: App, dagster: DagsterSide, public: str, ui: ASGIApp | None = None) -> ASGIApp:
    """Make the application. `public`: its address; `ui`: Dagster's own pages, for paths below /dagster."""
    users = Access(app.database)
    signed = SignedRequests(ui, Audit(app.database)) if ui is not None else None
    pages = _pages(Surroundings(app, users, dagster, public.rstrip("/")))

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        below = scope["type"] != "lifespan" and within_dagster(scope["path"])
        await (signed if signed is not None and below else pages)(scope, receive, send)

    hosts = LOOPBACK | {urlsplit(public).hostname or "localhost"}
    # The first start changes shop and feed.
    return Door(inner, users, hosts, lambda: content_policy(app))


def _pages(around: Surroundings) -> FastAPI:
    pages = FastAPI(title="awin-medusa", docs_url=None, redoc_url=None, openapi_url="/admin/openapi.json")
    pages.state.surroundings = around
    for router in ROUTERS:
        pages.include_router(router)
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
