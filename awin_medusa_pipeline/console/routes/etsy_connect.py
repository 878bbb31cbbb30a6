"""Connects an Etsy shop from the browser: consent, Etsy's answer, and the defaults of its listings."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from awin_medusa_pipeline.console.door import CALLBACK, problem
from awin_medusa_pipeline.console.errors import not_found
from awin_medusa_pipeline.console.pages import page
from awin_medusa_pipeline.console.routes.answers import PROBLEMS
from awin_medusa_pipeline.console.surroundings import Around, AskedHere, Decides, DecidesByForm, Surroundings
from awin_medusa_pipeline.core.store.audit import Audit, Who
from awin_medusa_pipeline.etsy.client.oauth import Consent, EtsyOAuth, code_of, consent_address, exchange
from awin_medusa_pipeline.etsy.engine.choices import ShopChoices, proposals, single_choices
from awin_medusa_pipeline.etsy.engine.connect import store_shop

router = APIRouter()


@router.get(
    "/admin/etsy/auth",
    tags=["Etsy"],
    status_code=303,
    response_class=RedirectResponse,
    responses=PROBLEMS,
    dependencies=[AskedHere],
)
def ask_for_consent(around: Around, decider: Decides) -> RedirectResponse:
    """Send the browser to Etsy, where the owner of the shop agrees; PKCE, with a state that works once."""
    etsy = around.app.etsy
    consent = Consent(with_sales=etsy.rules.import_sales)
    oauth = _oauth(around)
    around.access.keep_consent(consent.state, etsy.cipher.encrypt(consent.verifier), decider.who.name)
    return RedirectResponse(consent_address(oauth, consent), status_code=303)


@router.get(CALLBACK, tags=["Etsy"], status_code=303, response_class=RedirectResponse, responses=PROBLEMS)
def take_answer(request: Request, around: Around, state: str = "", code: str = "", error: str = "") -> Response:
    """Take Etsy's answer. Needs no login: only who asked can know the state, and it works once."""
    kept = around.access.take_consent(state)
    if kept is None:
        to_do = "Connect the shop again under Settings; an answer works once, for a quarter of an hour."
        return problem(403, "This is no answer to a consent that was asked for here.", to_do, "unknown_state")
    etsy = around.app.etsy
    verifier = etsy.cipher.decrypt(kept.verifier, "the consent's secret")
    consent = Consent(state, verifier, with_sales=etsy.rules.import_sales)
    pair = exchange(_oauth(around), code_of(str(request.url)), consent)
    account, choices = store_shop(etsy, pair, consent)
    questions = choices.open_questions(account.api_config, {})
    answers = single_choices(questions) | proposals(questions)
    etsy.accounts.configure(account.id, choices.apply_answers(account.api_config, answers))
    Audit(around.app.database).record(Who(kept.asked_by, "console"), "connect_etsy", account.shop_name)
    return RedirectResponse(f"/settings/etsy/{account.shop_name}", status_code=303)


@router.get("/settings/etsy/{shop}", include_in_schema=False, dependencies=[AskedHere])
def show_defaults(request: Request, around: Around, shop: str) -> Response:
    """Show how products are listed in a shop, with the choices that Etsy has."""
    with not_found():
        account = around.app.etsy.accounts.find(shop)
    with around.app.etsy.client(account) as client:
        choices = ShopChoices.read(client, categories=True)
    return page(request, "etsy_settings.html", account=account, config=account.api_config, questions=choices.questions)


@router.post("/settings/etsy/{shop}", include_in_schema=False)
async def set_defaults(request: Request, around: Around, decider: DecidesByForm, shop: str) -> Response:
    """Change how products are listed; Etsy is asked whether it has what is chosen."""
    form = await request.form()
    with not_found():
        account = around.app.etsy.accounts.find(shop)
    with around.app.etsy.client(account) as client:
        choices = ShopChoices.read(client, categories=True)
    answers: dict[str, Any] = {
        question.field: question.value_of(str(form[question.field]))
        for question in choices.questions
        if str(form.get(question.field, "")).strip()
    }
    answers |= {"publish": form.get("publish") == "yes"}
    around.app.etsy.accounts.configure(account.id, choices.apply_answers(account.api_config, answers))
    Audit(around.app.database).record(decider.who, "change_etsy_settings", account.shop_name)
    return RedirectResponse("/settings#etsy", status_code=303)


def _oauth(around: Surroundings) -> EtsyOAuth:
    return replace(around.app.etsy.oauth, redirect_uri=f"{around.public}{CALLBACK}")
