"""Runs `awin-medusa etsy connect` and the commands for accounts, their settings, and the key of their tokens."""

import json
import sys
import webbrowser
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from awin_medusa_pipeline.cli.application import open_app
from awin_medusa_pipeline.cli.terminal import commands, print_json, say, show_table
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.legible import legible
from awin_medusa_pipeline.core.store.secrets import new_key
from awin_medusa_pipeline.etsy.client.oauth import Consent
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.engine.choices import Question, ShopChoices, parse_config, proposals, single_choices
from awin_medusa_pipeline.etsy.engine.connect import ask_consent, store_shop
from awin_medusa_pipeline.etsy.store.links import SyncStatus

SHOWN_CHOICES = 15
SWITCH_ON = """
Its orders can be read. To have sales on Etsy lower the levels in Medusa, set ETSY_IMPORT_SALES=true in .env, and start
`awin-medusa ui` again."""
Shop = Annotated[str | None, typer.Argument(metavar="SHOP", help="Name or id of the Etsy shop; not needed for one.")]
Chosen = Annotated[str | None, typer.Option(metavar="ID", help="Its id, or words of its name.")]


def connect(
    shipping_profile: Chosen = None,
    return_policy: Chosen = None,
    readiness_state: Chosen = None,
    category: Annotated[str | None, typer.Option(metavar="ID", help="Etsy's category: its id, or its path.")] = None,
    who_made: Annotated[str | None, typer.Option(help="i_did, someone_else or collective.")] = None,
    when_made: Annotated[
        str | None, typer.Option(help="made_to_order, this_decade, or years as Etsy groups them.")
    ] = None,
    is_supply: Annotated[bool | None, typer.Option("--supply/--no-supply", help="Things to make things with.")] = None,
    eu_shop: Annotated[
        bool | None, typer.Option("--eu-shop/--no-eu-shop", help="In the EU Etsy asks for no return policy.")
    ] = None,
    publish: Annotated[
        bool | None, typer.Option("--publish/--drafts", help="Publish new listings, at 0.20 USD each. Else drafts.")
    ] = None,
    price_multiplier: Annotated[
        Decimal | None, typer.Option(metavar="X", help="Price on Etsy: that of Medusa times X, ...")
    ] = None,
    price_addition: Annotated[Decimal | None, typer.Option(metavar="Y", help="... plus Y, ...")] = None,
    price_step: Annotated[Decimal | None, typer.Option(metavar="Z", help="... rounded to a multiple of Z.")] = None,
    import_sales: Annotated[
        bool, typer.Option("--import-sales", help="Ask for the orders, too: what ETSY_IMPORT_SALES needs.")
    ] = False,
) -> None:
    """Connect an Etsy shop: your consent in the browser, then the defaults of your listings.

    What is not given as an option is asked, or taken where there is one choice. A shop that was connected before keeps
    its settings and its listings.
    """

    given: dict[str, Any] = {
        "shipping_profile_id": shipping_profile,
        "return_policy_id": return_policy,
        "readiness_state_id": readiness_state,
        "taxonomy_id": category,
        "who_made": who_made,
        "when_made": when_made,
        "is_supply": is_supply,
        "eu_shop": eu_shop,
        "publish": publish,
    }
    price = {"multiplier": price_multiplier, "addition": price_addition, "step": price_step}
    with open_app() as app:
        etsy = app.etsy
        consent = Consent(with_sales=import_sales or etsy.rules.import_sales)
        account, choices = store_shop(etsy, ask_consent(etsy, consent, _open_page), consent)
        say("Connected: ", (account.shop_name, "bold"), f", prices in {account.currency}.")
        rule = account.api_config.price.model_dump() | {
            name: value for name, value in price.items() if value is not None
        }
        answers = _collect_answers(choices, account.api_config, {k: v for k, v in given.items() if v is not None})
        config = choices.apply_answers(account.api_config, answers | {"price": rule})
        etsy.accounts.configure(account.id, config)
        switched_on = etsy.rules.import_sales
    _show_config(config, choices)
    if consent.with_sales:
        say("\nSales on Etsy lower the levels in Medusa from now on." if switched_on else SWITCH_ON)
    commands(
        [
            ("awin-medusa etsy request PRODUCT...", "what would be done? nothing is sent yet"),
            ("awin-medusa etsy settings", "all settings of the shop, and how to change them"),
        ]
    )


def settings(
    shop: Shop = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take them from this JSON file, checked with Etsy first.")
    ] = None,
) -> None:
    """Show how products are listed in a shop, as JSON; with a file, change it.

    awin-medusa etsy settings > etsy.json, edit it, awin-medusa etsy settings --file etsy.json. Listings follow with the
    next request or the next daily look.
    """
    with open_app() as app:
        etsy = app.etsy
        account = etsy.accounts.find(shop)
        if file is None:
            print_json(account.api_config.model_dump(mode="json"))
            return
        try:
            config = parse_config(json.loads(file.read_text(encoding="utf-8")))
        except ValueError as error:
            raise PermanentError(f"Reading {file}", f"it is not JSON ({error})", "Correct it.") from None
        with etsy.client(account) as client:
            ShopChoices.read(client, named_in=config, categories=True).check_config(config)
        etsy.accounts.configure(account.id, config)
    say(f"Settings of {account.shop_name} changed.")


def accounts() -> None:
    """List the Etsy shops that were connected."""
    with open_app() as app:
        etsy = app.etsy
        found = etsy.accounts.all()
        numbers = {
            account.id: {status: len(etsy.links.of_account(account.id, status)) for status in SyncStatus}
            for account in found
        }
    if not found:
        say("No Etsy shop is connected.")
        commands([("awin-medusa etsy connect", "connect one")])
        return
    table = Table("shop", "id", "currency", "state", *map(str, SyncStatus), "new listings")
    for account in found:
        state = f"connect again: {account.reconnect_reason}" if account.reconnect_reason else "connected"
        if not account.is_active:
            state = "disconnected"
        row = [account.shop_name, str(account.shop_id), account.currency, state]
        links = [f"{number:,}" for number in numbers[account.id].values()]
        table.add_row(*row, *links, "published" if account.api_config.publish else "drafts")
    show_table(table)


def disconnect(shop: Shop = None) -> None:
    """Forget the tokens of a shop. Its listings stay as they are, and which product is which listing stays known."""
    with open_app() as app:
        etsy = app.etsy
        account = etsy.accounts.find(shop)
        etsy.accounts.disconnect(account.id)
    say(f"Disconnected: {account.shop_name}. Take the app's permission back at Etsy too: Account settings > Apps.")


def key(
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Encrypt all tokens with the first of AWIN_MEDUSA_SECRET_KEY.")
    ] = False,
) -> None:
    """Make a key for AWIN_MEDUSA_SECRET_KEY, which encrypts the tokens in the state store.

    To change it: write the new key before the old one, run this with --rotate, and take the old one away.
    """

    if not rotate:
        say(f"AWIN_MEDUSA_SECRET_KEY={new_key()}")
        return
    with open_app() as app:
        etsy = app.etsy
        number = etsy.accounts.rotate_key()
    say(f"The tokens of {number} shop{'' if number == 1 else 's'} are encrypted with the first key.")


def is_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty()


def _open_page(address: str) -> None:
    say(f"Agree on Etsy's page, which your browser shows now. If it does not, open this address:\n\n{address}\n")
    webbrowser.open(address)


def _collect_answers(choices: ShopChoices, config: EtsyAccountConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    """Collect what was given, what has one choice only, and what a person answers.

    Raises PermanentError when a question is open and there is no terminal.
    """
    by_field = {question.field: question for question in choices.questions}
    answers = {
        name: by_field[name].value_of(str(value)) if name in by_field else value for name, value in given.items()
    }
    answers |= single_choices(choices.open_questions(config, answers))
    if not is_terminal():
        answers |= proposals(choices.open_questions(config, answers))
    questions = choices.open_questions(config, answers)
    if questions and not is_terminal():
        raise PermanentError(
            f"Choosing {' and '.join(question.words for question in questions)}",
            "there is no terminal to ask in",
            " ".join(f"Name one with {_option(one)}: {one.examples}." for one in questions) + " Then connect again.",
        )
    return answers | {question.field: _ask(question) for question in questions}


def _option(question: Question) -> str:
    name = "category" if question.field == "taxonomy_id" else question.field.removesuffix("_id")
    return f"--{name.replace('_', '-')}"


def _ask(question: Question) -> Any:
    found = dict(question.choices)
    while len(found) != 1:
        say("\nChoose ", (question.words, "bold"), ":")
        for value, words in list(found.items())[:SHOWN_CHOICES]:
            say(f"  {value}  {words}")
        if len(found) > SHOWN_CHOICES:
            say(f"  ... and {len(found) - SHOWN_CHOICES:,} more: type a part of the name")
        text = typer.prompt("Number or name", default=_shown(question.choices.get(question.proposal)))
        found = question.matching(text)
        if not found and question.open:
            return text.strip()
        if not found:
            say(f"There is no {text}.")
            found = dict(question.choices)
    return next(iter(found))


def _shown(words: str | None) -> str | None:
    """Etsy's words as they may stand in a prompt, which terminal.py does not print."""
    return None if words is None else legible(words)


def _show_config(config: EtsyAccountConfig, choices: ShopChoices) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2))
    for question in choices.questions:
        value = getattr(config, question.field)
        table.add_row(question.words, question.choices.get(value, str(value or "not chosen")))
    rule = config.price
    price = f"that of Medusa x {rule.multiplier} + {rule.addition}, rounded to {rule.step}"
    new = f"published, at most {config.publish_at_most} a run, at 0.20 USD each" if config.publish else "drafts"
    for name, words in (("a supply", "yes" if config.is_supply else "no"), ("price", price), ("new listings", new)):
        table.add_row(name, words)
    show_table(table)
