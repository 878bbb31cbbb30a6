"""Products of the shop and settings of an Etsy account in few words: what a test does not name is in order."""

from decimal import Decimal
from typing import Any

from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.medusa.models import ShopProduct, ShopVariant
from awin_medusa_pipeline.sandbox.etsy import shop

CURRENCY = "EUR"


def account_config(**values: Any) -> EtsyAccountConfig:
    """Settings with everything that Etsy asks for, of the stand-in's shop."""
    filled = {
        "taxonomy_id": shop.MUGS,
        "shipping_profile_id": shop.MANUAL_PROFILE,
        "return_policy_id": shop.RETURN_POLICY,
        "readiness_state_id": shop.READY_TO_SHIP,
        "who_made": "i_did",
        "when_made": "made_to_order",
    }
    return EtsyAccountConfig.model_validate(filled | values)


def variant(sku: str | None = "SKU", /, **values: Any) -> ShopVariant:
    """One variant of 9.99 and 3 pieces; `red="S"` would be an option: give `options`."""
    filled = {"id": f"variant_{sku}", "title": sku or "", "sku": sku, "price": Decimal("9.99"), "quantity": 3}
    return ShopVariant.model_validate(filled | values)


def product(*variants: ShopVariant, **values: Any) -> ShopProduct:
    """A published product with an image; of one variant unless others are given."""
    filled = {
        "id": "prod_1",
        "title": "Oak lamp",
        "description": "A lamp of oak.",
        "images": ("https://shop.test/1.jpg",),
        "variants": variants or (variant(),),
    }
    return ShopProduct.model_validate(filled | values)


def grid(colours: str, sizes: str, **values: Any) -> tuple[ShopVariant, ...]:
    """A variant for each colour and size, each a letter."""
    return tuple(variant(f"{c}-{s}", options={"Colour": c, "Size": s}, **values) for c in colours for s in sizes)
