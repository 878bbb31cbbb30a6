"""Tries what is proof that a product of the shop is an offer of the feed, and what is a question."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given

from awin_medusa_pipeline.sync.domain.adoption import adoption_candidates
from awin_medusa_pipeline.sync.domain.contracts import AdoptionCandidate
from awin_medusa_pipeline.sync.domain.discrepancies import matched_products
from awin_medusa_pipeline.sync.domain.rules import StockRules
from awin_medusa_pipeline_tests.support.factories import Row, catalog, offer, offers, variant
from awin_medusa_pipeline_tests.support.shop_model import ShopModel
from awin_medusa_pipeline_tests.support.strategies import feeds, shops

GTIN, OTHER_GTIN = "5012345678900", "4006381333931"
WATCH = {"name": "Quartz Watch", "sku": "a"}
SAME = {"title": "Quartz Watch", "sku": "a"}


def candidates(feed: list[Row], shop: list[Row]) -> pl.DataFrame:
    fed, shown = offers(*feed), catalog(*shop)
    return AdoptionCandidate.validate(adoption_candidates(fed, shown, matched_products(fed, shown, StockRules())))


def amount(value: str) -> dict[str, Any]:
    return {"prices": [{"currency": "gbp", "amount": Decimal(value)}]}


PAIRS: dict[str, tuple[Row, Row, str, str, str]] = {
    "SKU and name": (WATCH, SAME, "SKU, name", "", "update"),
    "SKU and GTIN": (
        WATCH | {"gtin": GTIN},
        {"title": "Our finest timepiece, quartz", "sku": "a", "barcode": GTIN},
        "SKU, GTIN",
        "name",
        "ask",
    ),
    "SKU and GTIN, the name half alike": (
        WATCH | {"gtin": GTIN},
        {"title": "Quartz Watch for Women", "sku": "a", "barcode": GTIN},
        "SKU, GTIN",
        "",
        "update",
    ),
    "a GTIN written as UPC": (
        WATCH | {"gtin": "036000291452"},
        {"title": "Quartz Watch", "barcode": "0036000291452"},
        "GTIN, name",
        "",
        "update",
    ),
    "SKU alone": (WATCH, {"title": "Quartz Watch, a gift to the one you love", "sku": "a"}, "SKU", "name", "ask"),
    "a number that happens to agree": (
        {"name": "Rubber Duck", "sku": "1001", "price": Decimal(3)},
        {"title": "Walnut Table", "sku": "1001", **amount("400")},
        "SKU",
        "name, price",
        "ask",
    ),
    "a generic name": (
        {"name": "Gift Card", "sku": "gc9", "price": Decimal(10)},
        {"title": "Gift Card", "handle": "gift-card", "sku": "OWN-GC", **amount("50")},
        "name",
        "price",
        "ask",
    ),
    "a name alone, all else silent": (
        {"name": "Gift Card", "sku": "gc9"},
        {"title": "Gift Card", "handle": "gift-card"},
        "name",
        "",
        "ask",
    ),
    "all agrees but the GTIN": (
        WATCH | {"gtin": GTIN},
        SAME | {"barcode": OTHER_GTIN},
        "SKU, name",
        "GTIN",
        "ask",
    ),
    "a GTIN of the shop's own says nothing": (
        WATCH | {"gtin": GTIN},
        SAME | {"barcode": "2000000000008"},
        "SKU, name",
        "",
        "update",
    ),
    "a GTIN that every shop gives out anew": (
        WATCH | {"gtin": "2000000000008"},
        {"title": "Quartz Watch", "barcode": "2000000000008"},
        "name",
        "",
        "ask",
    ),
    "another brand": (WATCH | {"brand": "Casio"}, SAME | {"brand": "Seiko"}, "SKU, name", "brand", "ask"),
    "a brand in other letters": (WATCH | {"brand": "L'Oréal"}, SAME | {"brand": "L'OREAL"}, "SKU, name", "", "update"),
    "a brand that only one side tells": (WATCH | {"brand": "Casio"}, SAME, "SKU, name", "", "update"),
    "at half the price": (WATCH | {"price": Decimal("5")}, SAME | amount("10"), "SKU, name", "", "update"),
    "below half the price": (WATCH | {"price": Decimal("4.99")}, SAME | amount("10"), "SKU, name", "price", "ask"),
    "at three times the price": (WATCH | {"price": Decimal("30")}, SAME | amount("10"), "SKU, name", "", "update"),
    "beyond three times the price": (
        WATCH | {"price": Decimal("30.01")},
        SAME | amount("10"),
        "SKU, name",
        "price",
        "ask",
    ),
    "no price in the feed's currency": (WATCH | {"currency": "eur"}, SAME, "SKU, name", "", "update"),
    "another size": (
        {"name": "Oak Table 120 cm", "sku": "a"},
        {"title": "Oak Table 140 cm", "sku": "a"},
        "SKU",
        "",
        "ask",
    ),
    "the variant's own words": (
        {"name": "Wool Sock Grey 42", "sku": "a"},
        {"title": "Wool Sock", "variant_title": "Grey / 42", "sku": "a"},
        "SKU, name",
        "",
        "update",
    ),
    "letters of another script": (
        {"name": "Часы кварцевые", "sku": "a"},
        {"title": "Чайник медный", "sku": "a"},
        "SKU",
        "name",
        "ask",
    ),
}


@pytest.mark.parametrize(("fed", "shown", "agrees", "contradicts", "decision"), PAIRS.values(), ids=PAIRS.keys())
def test_evidence(fed: Row, shown: Row, agrees: str, contradicts: str, decision: str) -> None:
    found = candidates([offer("a", **fed)], [variant("x", **shown)])
    assert found.select("agrees", "contradicts", "decision").rows() == [(agrees, contradicts, decision)]


def test_nothing_is_asked_about_what_is_ours_or_to_be_ignored() -> None:
    ours = variant("x", sku="a", offer_key="awin:1:a")
    ignored = variant("y", sku="b", ignored=True)
    assert candidates([offer("a"), offer("b")], [ours, ignored]).is_empty()


def test_a_merchant_with_a_new_id_is_taken_over() -> None:
    shop = [variant("x", **SAME, barcode=GTIN, offer_key="awin:9701:a", external_id="awin:9701:a")]
    (row,) = candidates([offer("a", merchant="9799", **WATCH, gtin=GTIN)], shop).to_dicts()
    assert (row["decision"], row["shop_key"], row["offer_key"]) == ("update", "awin:9701:a", "awin:9799:a")
    assert row["new_external_id"] == "awin:9799:a"


@pytest.mark.parametrize(
    ("external_id", "written"), [(None, "awin:1:p"), ("erp-77", "erp-77"), ("awin:1:old", "awin:1:p")]
)
def test_an_external_id_of_another_program_stays(external_id: str | None, written: str) -> None:
    shop = [variant("x", **SAME, external_id=external_id)]
    (row,) = candidates([offer("a", parent="p", **WATCH)], shop).to_dicts()
    assert row["new_external_id"] == written


def test_two_products_never_get_one_external_id() -> None:
    shop = [
        variant("x", title="Sock", variant_title="S", sku="a"),
        variant("y", title="Sock", variant_title="M", sku="b"),
    ]
    found = candidates([offer("a", parent="p", name="Sock S"), offer("b", parent="p", name="Sock M")], shop)
    assert found["new_external_id"].to_list() == [None, None]


@given(feed=feeds(), shop=shops())
def test_what_is_matched_is_ours_a_candidate_or_ignored(feed: list[Row], shop: ShopModel) -> None:
    fed, shown = offers(*feed), shop.catalog()
    matched = matched_products(fed, shown, StockRules()).collect()
    found = adoption_candidates(fed, shown, matched.lazy())
    assert found.height + matched["ours"].sum() == matched.height
    assert found["variant_id"].is_unique().all()
