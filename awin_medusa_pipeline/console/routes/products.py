"""Serves the products of the shop: the list with their state on Etsy, and each one field by field."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from awin_medusa_pipeline.console.errors import NotFoundError
from awin_medusa_pipeline.console.pages import page
from awin_medusa_pipeline.console.reads import products
from awin_medusa_pipeline.console.surroundings import Around, AskedHere, DecidesByForm
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.engine.why import Sources, find, tell_story
from awin_medusa_pipeline.sync.store.ledger import Ledger

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]
RUNS = 10


def filters(search: str = "", status: str = "", etsy: str = "") -> products.Filters:
    """What the address narrows the list to."""
    return products.Filters(search, status, etsy)


Narrowed = Annotated[products.Filters, Depends(filters)]


@router.get("/products")
def show_products(
    request: Request,
    around: Around,
    narrowed: Narrowed,
    account: str = "",
    sort: str = "",
    down: bool = False,
    number: int = 1,
) -> Response:
    """List products, with a choice of some or of all that match."""
    shops = products.accounts(around.app)
    chosen = _account(shops, account)
    found = products.listed(around.app, chosen, narrowed, sort=sort, descending=down, page=number)
    return page(
        request,
        "products.html",
        shops=shops,
        account=chosen,
        narrowed=narrowed,
        found=found,
        sort=sort,
        down=down,
        states=products.ETSY,
        block="table",
    )


@router.post("/products/etsy-sync")
async def choose(request: Request, around: Around, decider: DecidesByForm) -> Response:
    """Show what choosing these products would cost, or request them when that was seen."""
    form = await request.form()
    shops = products.accounts(around.app)
    account = _account(shops, str(form.get("account", "")))
    if account is None:
        raise PermanentError("Choosing products for Etsy", "no Etsy shop is connected", "Connect one under Settings.")
    narrowed = products.Filters(*(str(form.get(name, "")) for name in ("search", "status", "etsy")))
    every = form.get("every") == "yes"
    chosen = products.ids(around.app, account, narrowed) if every else [str(one) for one in form.getlist("product_id")]
    if not chosen:
        raise PermanentError("Choosing products for Etsy", "none is marked", "Mark some products first.")
    if form.get("seen") == "yes":
        requested = decider.request_etsy(chosen, account.shop_name)
        return RedirectResponse(f"/etsy/{requested.job.transaction_id}", status_code=303)
    listed = {
        id_ for id_, link in around.app.etsy.links.of_products(account.id, chosen).items() if link.etsy_listing_id
    }
    new = len(set(chosen) - listed)
    return page(
        request,
        "choose.html",
        account=account,
        number=len(chosen),
        new=new,
        fees=products.most_fees(account, new),
        chosen=[] if every else chosen,
        every=every,
        narrowed=narrowed,
    )


@router.get("/products/{product_id}")
def show_product(request: Request, around: Around, product_id: str) -> Response:
    """Show one product: feed, shop, what is wanted and who decides, field by field."""
    view = products.product(around.app, product_id)
    if view is None:
        raise NotFoundError(f"The last run found no product {product_id} in the shop.")
    shops = products.accounts(around.app)
    return page(request, "product.html", view=view, shops=shops, states=products.ETSY)


@router.get("/products/{product_id}/story", dependencies=[AskedHere])
def show_story(request: Request, around: Around, product_id: str) -> Response:
    """Tell the whole story of a product, as `awin-medusa why` does; it also reads the shop."""
    app = around.app
    ledger = Ledger(app.database)
    recent = ledger.recent_runs(app.shop_address, RUNS)
    found = find(app.tables, ledger, recent, product_id)
    connect = partial(app.medusa, backoff=Backoff(attempts=1))
    story = tell_story(Sources(app.database, app.tables, app.shop_address, connect, app.places), found[0], recent)
    return page(request, "story.html", story=story, block="story")


@router.post("/products/{product_id}/keep")
def keep(decider: DecidesByForm, product_id: str, kind: Text, key: Text, again: Text = "") -> Response:
    """Keep the shop's value of one field, or let its owner decide again."""
    decide = decider.release_shop_value if again else decider.keep_shop_value
    decide(Kind(kind), key)
    return RedirectResponse(f"/products/{product_id}#fields", status_code=303)


@router.post("/products/{product_id}/etsy-sync")
def sync_again(decider: DecidesByForm, product_id: str, account: Text, sold_is_booked: Text = "") -> Response:
    """Request one product for Etsy."""
    requested = decider.request_etsy([product_id], account, sold_is_booked=bool(sold_is_booked))
    return RedirectResponse(f"/etsy/{requested.job.transaction_id}", status_code=303)


def _account(shops: list[EtsyAccount], name: str) -> EtsyAccount | None:
    return next((shop for shop in shops if not name or name == shop.shop_name), None)
