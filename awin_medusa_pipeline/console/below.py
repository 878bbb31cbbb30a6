"""Serves the pages of one of several shops below its own path."""

import re
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from awin_medusa_pipeline.app import SHOPS

SHARED = ("/login", "/dagster", SHOPS)
"""Begin the paths that all shops share."""
_OF_SHOP = re.compile(rf"{SHOPS}/([a-z0-9_]+)(?=/|$)")


def shop_in(path: str) -> str:
    """The shop whose pages a path is below; "" for one that all shops share."""
    found = _OF_SHOP.match(path)
    return found[1] if found else ""


def within_shop(path: str) -> str:
    """The path without that of the shop: `/plans` of `/shops/toys/plans`."""
    return _OF_SHOP.sub("", path, count=1) or "/"


@dataclass(frozen=True)
class Below:
    """An ASGI application whose pages are below a path; where they send the browser on to is as well."""

    pages: ASGIApp
    prefix: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in ("location", "hx-redirect"):
                    target = headers.get(name, "")
                    if target.startswith("/") and not target.startswith(SHARED):
                        headers[name] = self.prefix + target
            await send(message)

        await self.pages({**scope, "root_path": self.prefix}, receive, sending)
