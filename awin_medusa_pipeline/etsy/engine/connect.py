"""Connecting an Etsy shop: the owner's consent, what the shop has to choose from, and the defaults of its listings.

What belongs here: what has to be asked, and turning answers into an account's settings. What does not: asking
(cli/etsy_connect.py) and the protocol (etsy/client/oauth.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import ValidationError

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.etsy.client.answers import ReturnPolicy, TaxonomyNode
from awin_medusa_pipeline.etsy.client.callback import ConsentCallback
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.client.oauth import Consent, consent_address, exchange
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.domain.findings import named
from awin_medusa_pipeline.etsy.domain.tokens import TokenPair
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount

CONSENT_SECONDS = 300.0


@dataclass(frozen=True)
class Question:
    """A field of the account's settings, in words, with what can be chosen: value -> words.

    `open`: other values are possible too, if they have the right form.
    """

    field: str
    words: str
    choices: Mapping[Any, str]
    open: bool = False

    def matching(self, text: str) -> dict[Any, str]:
        """The choices with this value or these words; else those that have the text somewhere in their words."""
        wanted = text.strip().casefold()
        exact = {
            value: words for value, words in self.choices.items() if wanted in (str(value).casefold(), words.casefold())
        }
        return exact or {value: words for value, words in self.choices.items() if wanted in words.casefold()}

    def value_of(self, text: str) -> Any:
        """The value that is meant. Raises PermanentError when it is none or several."""
        found = self.matching(text)
        if len(found) == 1:
            return next(iter(found))
        if self.open and not found:
            return text.strip()
        tried = f"Choosing {self.words} ({self.field})"
        came_back = f"{text!r} may be {named(list(found.values()))}" if found else f"there is no {text!r}"
        raise PermanentError(tried, came_back, f"There is: {self.shown(self.choices)}.")

    @staticmethod
    def shown(choices: Mapping[Any, str]) -> str:
        """Some of the choices, each with its value."""
        return named([f"{value} ({words})" for value, words in choices.items()])


@dataclass(frozen=True)
class Offers:
    """What a shop at Etsy has to choose from."""

    questions: tuple[Question, ...]
    calculated_profiles: frozenset[int]

    @classmethod
    def of(cls, client: EtsyClient) -> Self:
        """Asked of Etsy: four calls, one with a large answer."""
        profiles = client.shipping_profiles()
        return cls(
            (
                Question(
                    "shipping_profile_id",
                    "the shipping profile",
                    {p.shipping_profile_id: p.title or "without a name" for p in profiles},
                ),
                Question(
                    "return_policy_id",
                    "the return policy",
                    {policy.return_policy_id: _policy_words(policy) for policy in client.return_policies()},
                ),
                Question(
                    "readiness_state_id",
                    "the processing profile",
                    {
                        state.readiness_state_id: " ".join(
                            [state.readiness_state.replace("_", " "), state.processing_days_display_label]
                        ).strip()
                        for state in client.readiness_states()
                    },
                ),
                Question("taxonomy_id", "Etsy's category", dict(_paths(client.taxonomy_nodes()))),
                Question(
                    "who_made",
                    "who makes the products",
                    {
                        "i_did": "I did",
                        "someone_else": "another company or person",
                        "collective": "a member of my shop",
                    },
                ),
                Question(
                    "when_made",
                    "when they are made",
                    {"made_to_order": "made to order", f"2020_{datetime.now(UTC).year}": "2020 or later"},
                    open=True,
                ),
            ),
            frozenset(p.shipping_profile_id for p in profiles if p.profile_type == "calculated"),
        )

    def config(self, before: EtsyAccountConfig, answers: Mapping[str, Any]) -> EtsyAccountConfig:
        """The settings with these answers in the place of what was there. Raises PermanentError for a wrong value."""
        values = before.model_dump() | dict(answers)
        if "shipping_profile_id" in answers:
            values["calculated_shipping"] = values["shipping_profile_id"] in self.calculated_profiles
        config = checked_config(values)
        self.check(config)
        return config

    def check(self, config: EtsyAccountConfig) -> None:
        """Raises PermanentError for what Etsy does not know, of the defaults of a category too."""
        for where, defaults in (("", config), *config.by_category.items()):
            for question in self.questions:
                value = getattr(defaults, question.field)
                if value is not None and value not in question.choices and not question.open:
                    at = f" of the category {where}" if where else ""
                    raise PermanentError(
                        f"Checking {question.field}{at}",
                        f"Etsy knows no {value}",
                        f"There is: {question.shown(question.choices)}.",
                    )


def checked_config(values: Mapping[str, Any]) -> EtsyAccountConfig:
    """Settings of an account. Raises PermanentError naming the value that cannot be."""
    try:
        return EtsyAccountConfig.model_validate(values)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise PermanentError(
            "Reading the settings of the Etsy shop", "; ".join(faults), "Correct what is named."
        ) from None


def consent(etsy: EtsyState, show: Callable[[str], None], *, seconds: float = CONSENT_SECONDS) -> TokenPair:
    """Ask the owner, at the address that `show` is given, and wait. Raises PipelineError."""
    # Now, rather than after a consent whose tokens could not be kept.
    etsy.cipher.encrypt("")
    asked, oauth = Consent(), etsy.oauth
    with ConsentCallback(oauth.redirect_uri, asked) as callback:
        show(consent_address(oauth, asked))
        return exchange(oauth, callback.code(seconds), asked)


def keep(etsy: EtsyState, pair: TokenPair) -> tuple[EtsyAccount, Offers]:
    """Store the shop that the tokens open, as soon as its name is known; one known before keeps its settings."""
    with etsy.first_client(pair.access_token) as client:
        shop_id = client.me().shop_id
        if shop_id is None:
            raise PermanentError(
                "Connecting the Etsy shop",
                "the account that agreed has no shop",
                "Log in at Etsy with the account that the shop belongs to, and connect again.",
            )
        client.shop_id = shop_id
        shop = client.shop()
        before = {account.shop_id: account.api_config for account in etsy.accounts.all()}
        account = etsy.accounts.connect(
            shop_id=shop_id,
            shop_name=shop.shop_name,
            currency=shop.currency_code,
            pair=pair,
            config=before.get(shop_id, EtsyAccountConfig()),
        )
        return account, Offers.of(client)


def left_to_ask(offers: Offers, config: EtsyAccountConfig, answers: Mapping[str, Any]) -> list[Question]:
    """Questions without an answer yet."""
    return [q for q in offers.questions if q.field not in answers and getattr(config, q.field) is None and q.choices]


def only_choices(questions: Sequence[Question]) -> dict[str, Any]:
    """Answers that are clear, since there is one choice."""
    return {q.field: next(iter(q.choices)) for q in questions if len(q.choices) == 1 and not q.open}


def _policy_words(policy: ReturnPolicy) -> str:
    takes = [
        name for name, taken in (("returns", policy.accepts_returns), ("exchanges", policy.accepts_exchanges)) if taken
    ]
    within = f" within {policy.return_deadline} days" if policy.return_deadline else ""
    return f"{' and '.join(takes)}{within}" if takes else "no returns"


def _paths(nodes: Sequence[TaxonomyNode], above: str = "") -> Iterator[tuple[int, str]]:
    """Categories with their whole path: Home & Living > Mugs."""
    for node in nodes:
        path = f"{above}{node.name}"
        yield node.id, path
        yield from _paths(node.children, f"{path} > ")
