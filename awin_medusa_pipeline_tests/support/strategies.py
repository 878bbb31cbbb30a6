"""Draws small feeds and small shops for Hypothesis in which identities meet, clash and half-meet."""

from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from awin_medusa_pipeline.medusa.shapes import HIDDEN_BY_RUN, OFFER_KEY
from awin_medusa_pipeline.sync.domain.rules import CONTENT, PRICE, Owner, Owners
from awin_medusa_pipeline_tests.support.factories import Row, offer
from awin_medusa_pipeline_tests.support.shop_model import CATEGORIES, RefusedError, ShopModel

IDS = ("a", "A", "b", "a b", "a-b", "é1", "日", "本", "c")
MERCHANTS = ("1", "12", "2")
NAMES = (
    "Red Lamp",
    "red  lamp",
    "Red Lamp S",
    "Red Lamp M",
    "Rote Lämpchen",
    "日本の靴",
    "日本の帽子",
    "!!!",
    "Oak Chair",
)
GTINS = ("4006381333931", "04006381333931", "036000291452", "96385074")
HANDLES = ("red-lamp", "red-lamp-a", "rote-lampchen", "oak-chair", "own-1", "own-2", "awin-1")

DESCRIPTIONS = (None, "Plain.", "A lamp\nof oak. " * 9)
IMAGES = ("http://i/1.jpg", "http://i/2.jpg", "http://i/3.jpg")

_maybe = st.none


def slow_law(examples: int) -> settings:
    """Set how many examples a law of whole feeds and shops is tried on; `--hypothesis-profile thorough` takes 20 times.

    `make mutants` shows what 15 are enough to notice.
    """
    thorough = settings.get_current_profile_name() == "thorough"
    return settings(max_examples=examples * (20 if thorough else 1), deadline=None)


@st.composite
def offer_rows(draw: st.DrawFn) -> Row:
    """Draw one Offer row; two may share name, GTIN and parent."""
    merchant, id_ = draw(st.sampled_from(MERCHANTS)), draw(st.sampled_from(IDS))
    return offer(
        id_,
        merchant,
        draw(st.sampled_from((None, None, "p", "a"))),
        sku=draw(st.sampled_from((id_, f"{merchant}-{id_}"))),
        name=draw(st.sampled_from(NAMES)),
        gtin=draw(_maybe() | st.sampled_from(GTINS)),
        colour=draw(st.sampled_from((None, "red", "blue"))),
        size=draw(st.sampled_from((None, "S"))),
        in_stock=draw(st.sampled_from((True, False, None))),
        quantity=draw(st.sampled_from((None, None, 0, 3))),
        price=draw(st.sampled_from((Decimal("9.99"), Decimal("12.00")))),
        currency=draw(st.sampled_from(("gbp", "gbp", "eur"))),
        description=draw(st.sampled_from(DESCRIPTIONS)),
        category=draw(_maybe() | st.sampled_from(tuple(CATEGORIES))),
        image_url=draw(_maybe() | st.sampled_from(IMAGES)),
        more_image_urls=draw(st.lists(st.sampled_from(IMAGES), max_size=2)),
    )


def feeds() -> st.SearchStrategy[list[Row]]:
    """Draw offers as the feed parser lets them through: keys and SKUs are unique."""
    return st.lists(offer_rows(), max_size=10, unique_by=(lambda row: row["offer_key"], lambda row: row["sku"]))


@st.composite
def products(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, int | None]]:
    """Draw one product as somebody put it into the shop, and the levels of its variants."""
    skus = draw(st.lists(st.sampled_from((*IDS, "1-a", "own", "own-2")), min_size=1, max_size=2, unique=True))
    merchant, id_ = draw(st.sampled_from((*MERCHANTS, "9"))), draw(st.sampled_from((*IDS, "p")))
    variant_ids = [
        id_,
        *draw(st.lists(st.sampled_from(IDS).filter(lambda other: other != id_), min_size=1, max_size=1)),
    ]
    keyed = draw(st.booleans())
    broken = draw(st.sampled_from((None, None, None, "no_variants", "no_price")))
    variants = [
        {
            "sku": sku,
            "barcode": draw(_maybe() | st.sampled_from(GTINS)),
            "options": {"Article": sku},
            "prices": [] if broken == "no_price" else [{"currency_code": "gbp", "amount": 9.99}],
            "manage_inventory": draw(st.sampled_from((True, True, False))),
            "allow_backorder": draw(st.sampled_from((False, False, True))),
            "metadata": {OFFER_KEY: f"awin:{merchant}:{variant_id}"} if keyed else {},
        }
        for sku, variant_id in zip(skus, variant_ids, strict=False)
    ]
    product = {
        "title": draw(st.sampled_from((*NAMES, "Own product"))),
        "description": draw(st.sampled_from((*DESCRIPTIONS, ""))),
        "thumbnail": draw(_maybe() | st.sampled_from(IMAGES)),
        "images": [{"url": url} for url in draw(st.lists(st.sampled_from(IMAGES), max_size=2))],
        "categories": [{"id": id_} for id_ in draw(st.sampled_from(((), ("chairs",), ("own", "chairs"))))],
        "handle": draw(st.sampled_from(HANDLES)),
        "status": draw(st.sampled_from(("published", "published", "draft"))),
        "external_id": f"awin:{merchant}:{id_}" if keyed else None,
        "metadata": {HIDDEN_BY_RUN: "run-0"} if draw(st.booleans()) else {},
        "options": [{"title": "Article", "values": skus}],
        "variants": [] if broken == "no_variants" else variants,
    }
    return product, {sku: draw(st.sampled_from((None, 0, 7, 10))) for sku in skus}


@st.composite
def shops(draw: st.DrawFn) -> ShopModel:
    """Draw a shop with products that Medusa would have let in."""
    shop = ShopModel()
    for product, levels in draw(st.lists(products(), max_size=8)):
        try:
            shop.create(product, levels)
        except RefusedError:
            continue
    return shop


def owners() -> st.SearchStrategy[Owners]:
    """Draw who owns each field, some of them otherwise for one merchant."""
    of = st.fixed_dictionaries({"*": st.sampled_from(Owner)}, optional={"1": st.sampled_from(Owner)})
    return st.fixed_dictionaries(dict.fromkeys((PRICE, *CONTENT), of))
