"""Reads what an Etsy shop has to choose from, and checks settings against it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydantic import ValidationError

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.etsy.client.answers import ReadinessState, ReturnPolicy, ShopAnswer, TaxonomyNode
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig, ListingDefaults
from awin_medusa_pipeline.etsy.domain.findings import join_names
from awin_medusa_pipeline.etsy.domain.when_made import MADE_TO_ORDER, THIS_DECADE

_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
EU = frozenset(_EU.split())
"""ISO 3166. Etsy asks shops there for no return policy."""


@dataclass(frozen=True)
class Question:
    """A field of the account's settings, in words, with its choices: value -> words.

    `open`: other values are possible too, if they have the right form. `proposal`: the answer where nobody gives one.
    """

    field: str
    words: str
    choices: Mapping[Any, str]
    open: bool = False
    proposal: Any = None

    def matching(self, text: str) -> dict[Any, str]:
        """Find the choices with this value or these words; else those whose words contain the text."""
        wanted = text.strip().casefold()
        exact = {
            value: words for value, words in self.choices.items() if wanted in (str(value).casefold(), words.casefold())
        }
        return exact or {value: words for value, words in self.choices.items() if wanted in words.casefold()}

    def value_of(self, text: str) -> Any:
        """Return the value that is meant. Raises PermanentError when none or several match."""
        found = self.matching(text)
        if len(found) == 1:
            return next(iter(found))
        if self.open and not found:
            return text.strip()
        tried = f"Choosing {self.words} ({self.field})"
        came_back = f"{text!r} may be {join_names(list(found.values()))}" if found else f"there is no {text!r}"
        raise PermanentError(tried, came_back, f"There is: {self.examples}.")

    @property
    def examples(self) -> str:
        """Some of the choices, each with its value."""
        return join_names([f"{value} ({words})" for value, words in self.choices.items()])


@dataclass(frozen=True)
class ShopChoices:
    """An Etsy shop as it is now, with its profiles and policies; with Etsy's categories where they were read."""

    shop: ShopAnswer
    questions: tuple[Question, ...]
    calculated_profiles: frozenset[int]
    """Shipping profiles that compute postage."""
    partners: frozenset[int] | None = None
    """Production partners; None where they were not read."""

    @classmethod
    def read(
        cls,
        client: EtsyClient,
        *,
        shop: ShopAnswer | None = None,
        named_in: EtsyAccountConfig | None = None,
        categories: bool = False,
    ) -> Self:
        """Read them from Etsy in four calls, or three where the shop is known.

        One call more for each: production partners, where settings (`named_in`) name some; `categories`, with a large
        answer.
        """
        shop = shop or client.shop()
        profiles = client.shipping_profiles()
        titles = {profile.shipping_profile_id: profile.title or "without a name" for profile in profiles}
        policies = {policy.return_policy_id: _policy_words(policy) for policy in client.return_policies()}
        states = {state.readiness_state_id: _readiness_words(state) for state in client.readiness_states()}
        questions = [
            Question("shipping_profile_id", "the shipping profile", titles),
            Question("return_policy_id", "the return policy", policies),
            Question("readiness_state_id", "the processing profile", states),
        ]
        if categories:
            questions.append(Question("taxonomy_id", "Etsy's category", dict(_paths(client.taxonomy_nodes()))))
        calculated = frozenset(p.shipping_profile_id for p in profiles if p.profile_type == "calculated")
        names_partners = named_in and any(
            defaults.production_partner_ids for defaults in (named_in, *named_in.by_category.values())
        )
        partners = (
            frozenset(one.production_partner_id for one in client.production_partners()) if names_partners else None
        )
        return cls(shop, (*questions, *_general_questions(shop)), calculated, partners)

    def unknown_values(self, references: ListingDefaults) -> dict[str, Any]:
        """Return what these values name and the shop does not have: field -> value."""
        asked = [question for question in self.questions if not question.open]
        values = [(question, getattr(references, question.field, None)) for question in asked]
        unknown = {q.field: value for q, value in values if value is not None and value not in q.choices}
        partners = references.production_partner_ids or ()
        if self.partners is not None and (gone := [partner for partner in partners if partner not in self.partners]):
            unknown["production_partner_ids"] = gone[0]
        return unknown

    def unknown_in(self, config: EtsyAccountConfig) -> Iterator[tuple[str, str, Any]]:
        """Yield category, field and value of what the settings name and the shop does not have; "" for the defaults."""
        for category, defaults in (("", config), *config.by_category.items()):
            for field, value in self.unknown_values(defaults).items():
                yield category, field, value

    def computes_postage(self, config: EtsyAccountConfig) -> bool:
        """Whether a shipping profile that the settings name computes postage."""
        defaults = (config, *config.by_category.values())
        return any(one.shipping_profile_id in self.calculated_profiles for one in defaults)

    def check_config(self, config: EtsyAccountConfig) -> None:
        """Raise PermanentError for a value that Etsy does not know, also among the defaults of a category."""
        examples = {question.field: f"There is: {question.examples}." for question in self.questions}
        for category, field, value in self.unknown_in(config):
            where = f" of the category {category}" if category else ""
            to_do = examples.get(field, "Look at Etsy, in the settings of your shop.")
            raise PermanentError(f"Checking {field}{where}", f"Etsy knows no {value}", to_do)

    def apply_answers(self, before: EtsyAccountConfig, answers: Mapping[str, Any]) -> EtsyAccountConfig:
        """Return the settings with these answers in place. Raises PermanentError for a wrong value."""
        values = before.model_dump() | dict(answers)
        if "shipping_profile_id" in answers:
            values["calculated_shipping"] = self.computes_postage(parse_config(values))
        config = parse_config(values)
        self.check_config(config)
        return config

    def open_questions(self, config: EtsyAccountConfig, answers: Mapping[str, Any]) -> list[Question]:
        """Return the questions that have choices and that neither the answers nor the settings cover.

        What the settings name and the shop has no longer is asked again.
        """
        gone = self.unknown_values(config)
        return [
            question
            for question in self.questions
            if question.field not in answers and question.choices
            if question.field in gone or getattr(config, question.field) is None
        ]


def single_choices(questions: Sequence[Question]) -> dict[str, Any]:
    """Answer the questions that have one choice only."""
    return {q.field: next(iter(q.choices)) for q in questions if len(q.choices) == 1 and not q.open}


def proposals(questions: Sequence[Question]) -> dict[str, Any]:
    """Answer the questions for which an answer is proposed."""
    return {q.field: q.proposal for q in questions if q.proposal is not None}


def parse_config(values: Mapping[str, Any]) -> EtsyAccountConfig:
    """Validate the settings of an account. Raises PermanentError naming the wrong values."""
    try:
        return EtsyAccountConfig.model_validate(values)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise PermanentError(
            "Reading the settings of the Etsy shop", "; ".join(faults), "Correct what is named."
        ) from None


def _general_questions(shop: ShopAnswer) -> tuple[Question, ...]:
    """Questions with the same choices for every shop."""
    makers = {
        "i_did": "I did",
        "someone_else": "another company or person",
        "collective": "a member of my shop",
    }
    times = {MADE_TO_ORDER: "made to order", THIS_DECADE: "in this decade"}
    in_eu = shop.shop_location_country_iso in EU
    return (
        Question("who_made", "who makes the products", makers),
        Question("when_made", "when they are made", times, open=True),
        Question("eu_shop", "whether the shop is in the EU", {True: "yes", False: "no"}, proposal=in_eu),
    )


def _readiness_words(state: ReadinessState) -> str:
    words = [state.readiness_state.replace("_", " "), state.processing_days_display_label]
    return " ".join(words).strip()


def _policy_words(policy: ReturnPolicy) -> str:
    accepted = {"returns": policy.accepts_returns, "exchanges": policy.accepts_exchanges}
    names = [name for name, is_accepted in accepted.items() if is_accepted]
    within = f" within {policy.return_deadline} days" if policy.return_deadline else ""
    return f"{' and '.join(names)}{within}" if names else "no returns"


def _paths(nodes: Sequence[TaxonomyNode], above: str = "") -> Iterator[tuple[int, str]]:
    """Yield each category with its whole path, as in Home & Living > Mugs."""
    for node in nodes:
        path = f"{above}{node.name}"
        yield node.id, path
        yield from _paths(node.children, f"{path} > ")
