"""Renders the two pages that a person sees: the consent and a listing."""

from html import escape
from typing import Any
from urllib.parse import urlencode

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.answers import HTML, Answer
from awin_medusa_pipeline.sandbox.etsy.oauth import CONNECT_PATH
from awin_medusa_pipeline.sandbox.etsy.state import Listing

_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#222}}
.note{{background:#fff4d6;padding:.6rem 1rem}}a.button{{display:inline-block;padding:.5rem 1.2rem;margin-right:1rem;
border:1px solid #222;color:#222;text-decoration:none}}img{{height:11rem;margin-right:.5rem}}
td,th{{text-align:left;padding:.2rem 1rem .2rem 0}}pre{{white-space:pre-wrap;font:inherit}}</style>
<p class="note">This is a stand-in for Etsy on this machine. Nothing here reaches Etsy, and nothing costs money.</p>
"""


def consent(query: dict[str, str]) -> Answer:
    """Render the consent page: the scopes requested, and links to allow or deny them."""
    asked = "".join(f"<li>{escape(scope)}</li>" for scope in query.get("scope", "").split())
    allow, deny = (f"{CONNECT_PATH}?{urlencode(query | {'approve': answer})}" for answer in ("1", "0"))
    return _page(
        "Connect an application",
        f"<h1>Connect an application</h1><p>It asks to act for the shop {shop.SHOP_NAME}:</p><ul>{asked}</ul>"
        f'<p><a class="button" href="{escape(allow)}">Allow access</a>'
        f'<a class="button" href="{escape(deny)}">Deny</a></p>',
    )


def refused(said: str) -> Answer:
    """Render the consent page for an unknown application."""
    return _page("Not permitted", f"<h1>Not permitted</h1><p>{escape(said)}</p>", 400)


def listing(found: Listing) -> Answer:
    """Render a listing as a buyer would see it, drafts included."""
    fields = found.fields
    pictures = "".join(
        f'<img src="/image/{shown.image_id}/il_fullxfull" alt="{escape(shown.alt_text)}">' for shown in found.images
    )
    rows = "".join(_row(product) for product in found.inventory["products"])
    words = ", ".join(fields["tags"])
    return _page(
        fields["title"],
        f"<h1>{escape(fields['title'])}</h1><p>{found.state} · {escape(words)}</p><p>{pictures}</p>"
        f"<table><tr><th>SKU<th>Variant<th>Price<th>Quantity</tr>{rows}</table>"
        f"<pre>{escape(fields['description'])}</pre>",
    )


def missing() -> Answer:
    """Render the page of a missing listing."""
    return _page("Not found", "<h1>There is no such page</h1>", 404)


def _row(product: dict[str, Any]) -> str:
    offering = product["offerings"][0]
    price = f"{offering['price']['amount'] / offering['price']['divisor']:.2f} {offering['price']['currency_code']}"
    variant = ", ".join(f"{value['property_name']}: {value['values'][0]}" for value in product["property_values"])
    quantity = offering["quantity"] if offering["is_enabled"] else "not for sale"
    return f"<tr><td>{escape(product['sku'])}<td>{escape(variant)}<td>{price}<td>{quantity}</tr>"


def _page(title: str, body: str, status: int = 200) -> Answer:
    return Answer(status, (_HEAD.format(title=escape(title)) + body).encode(), HTML)
