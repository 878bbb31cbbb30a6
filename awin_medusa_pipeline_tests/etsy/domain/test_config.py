"""The owner's settings of an Etsy shop: safe defaults, bounds, and what counts where."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig, ListingDefaults, PriceRule


def test_a_default_costs_nothing_and_renews_nothing() -> None:
    config = EtsyAccountConfig()
    assert not any((config.publish, config.auto_renew, config.eu_shop, config.calculated_shipping, config.is_supply))
    assert (config.lowest_price, config.highest_price, config.publish_at_most) == (Decimal("0.20"), Decimal(35_000), 20)
    assert config.price == PriceRule(multiplier=Decimal(1), addition=Decimal(0), step=Decimal("0.01"))


@pytest.mark.parametrize(
    ("values", "fine"),
    [
        ({"taxonomy_id": 1}, True),
        ({"taxonomy_id": 0}, False),
        ({"publish_at_most": 0}, True),
        ({"publish_at_most": -1}, False),
        ({"lowest_price": "0.01"}, True),
        ({"lowest_price": "0"}, False),
        ({"highest_price": "0.2"}, True),
        ({"highest_price": "0.19"}, False),
        ({"lowest_price": "0.01", "highest_price": "0"}, False),
        ({"price": {"multiplier": "0.5"}}, True),
        ({"price": {"multiplier": "0"}}, False),
        ({"price": {"step": "0.05"}}, True),
        ({"price": {"step": "0"}}, False),
        ({"price": {"step": "0.001"}}, False),
        ({"price": {"addition": "-1"}}, True),
        ({"when_made": "2020_2026"}, True),
        ({"when_made": "this_decade"}, True),
        ({"when_made": "yesterday"}, False),
        ({"unknown": 1}, False),
    ],
)
def test_bounds(values: dict[str, Any], fine: bool) -> None:
    if fine:
        EtsyAccountConfig.model_validate(values)
    else:
        with pytest.raises(ValidationError):
            EtsyAccountConfig.model_validate(values)


@pytest.mark.parametrize(
    ("rule", "price", "currency", "result"),
    [
        ({}, "9.99", "EUR", "9.99"),
        ({"multiplier": 2, "addition": 1}, "5", "EUR", "11.00"),
        ({"step": "0.50"}, "9.25", "EUR", "9.50"),
        ({"step": "0.50"}, "9.24", "EUR", "9.00"),
        ({}, "9.995", "EUR", "10.00"),
        ({}, "999.5", "jpy", "1000"),
        ({"step": 10}, "994", "JPY", "990"),
    ],
)
def test_the_price_rule(rule: dict[str, Any], price: str, currency: str, result: str) -> None:
    assert str(PriceRule.model_validate(rule)(Decimal(price), currency)) == result


def test_of_several_categories_the_first_written_counts_and_leaves_the_rest() -> None:
    config = EtsyAccountConfig.model_validate(
        {
            "taxonomy_id": 1,
            "who_made": "i_did",
            "by_category": {"mugs": {"taxonomy_id": 2}, "lamps": {"taxonomy_id": 3, "is_supply": True}},
        }
    )
    assert config.defaults_for(["lamps", "mugs"]) == ListingDefaults(taxonomy_id=2, who_made="i_did", is_supply=False)
    assert config.defaults_for(["lamps"]) == ListingDefaults(taxonomy_id=3, who_made="i_did", is_supply=True)
    assert config.defaults_for([]) == ListingDefaults(taxonomy_id=1, who_made="i_did", is_supply=False)
    assert type(config.defaults_for([])) is ListingDefaults
