"""Renders the pages: whole, or the block that htmx asks for."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2_fragments.fastapi import Jinja2Blocks

from awin_medusa_pipeline.console.reads.today import state
from awin_medusa_pipeline.console.surroundings import surroundings
from awin_medusa_pipeline.core.messages import duration_text
from awin_medusa_pipeline.sync.domain.operations import money_text

HERE = Path(__file__).parent


def _age(moment: datetime | None) -> str:
    return f"{duration_text((datetime.now(UTC) - moment).total_seconds())} ago" if moment else "never"


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _plain(value: Any) -> str:
    """A value as text: money without needless zeros, a share with one decimal."""
    if isinstance(value, Decimal):
        return money_text(value)
    return f"{value:,.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def _http(address: Any) -> str:
    """An address for a link or a picture; nothing for one that is not http(s), such as `javascript:`."""
    text = str(address or "").strip()
    return text if urlsplit(text).scheme in ("http", "https") else ""


environment = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
environment.filters |= {"age": _age, "time": _time, "number": _number, "http": _http, "plain": _plain}
# Imports within a template do not reach a block that is rendered alone.
_MACROS = environment.get_template("macros.html").module
environment.globals |= {name: macro for name, macro in vars(_MACROS).items() if not name.startswith("_")}
templates = Jinja2Blocks(env=environment)


def fragment(request: Request) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("hx-request") == "true"


def page(request: Request, name: str, *, status: int = 200, block: str | None = None, **context: Any) -> Response:
    """Answer with a page; with `block`, only that part of it where htmx asks."""
    around = surroundings(request)
    visitor = request.state.visitor
    shared = {
        "state": state(around.app, around.dagster) if visitor and not around.shops and not fragment(request) else None,
        "visitor": visitor,
        "csrf": visitor.csrf if visitor else "",
        "shop": around.app.shop_address,
        "of_shop": around.app.shop,
        "root": request.scope.get("root_path", ""),
        "front": bool(around.shops),
        "path": request.url.path,
        "dagster_alive": around.dagster.alive() if visitor else True,
    }
    only = block if fragment(request) else None
    return templates.TemplateResponse(request, name, shared | context, status_code=status, block_name=only)
