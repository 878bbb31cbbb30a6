"""Products of the shop and settings of an Etsy account in few words: what a test does not name is in order."""

from decimal import Decimal
from typing import Any

from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.domain.listing import Listing, prepare_listing
from awin_medusa_pipeline.etsy.domain.memory import ListingMemory, VariantStock
from awin_medusa_pipeline.etsy.domain.requests import Inventory
from awin_medusa_pipeline.etsy.domain.shown import ShownListing, ShownVariant
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


def listing_of(wanted: ShopProduct, **config: Any) -> Listing:
    """The listing of a product that Etsy takes."""
    listing = prepare_listing(wanted, account_config(**config), CURRENCY, publish=False).listing
    assert listing is not None
    return listing


def remembered(wanted: ShopProduct, **memory: Any) -> ListingMemory:
    """What a sync of a product leaves."""
    listing = listing_of(wanted)
    levels = {variant.id: variant.quantity for variant in wanted.variants}
    known = {
        "written": listing.fields,
        "images_hash": listing.images_hash,
        "image_ids": {"sha": 7, "other": 8},
        "state": "active",
        "stock": {id_: VariantStock(given=q, level=levels[id_]) for id_, q in listing.quantities.items()},
    }
    return ListingMemory.model_validate(known | memory)


def variants_shown(inventory: Inventory, first_id: int = 1) -> tuple[ShownVariant, ...]:
    """An inventory as Etsy shows it; its products have the ids from `first_id` on."""
    return tuple(
        ShownVariant(
            values=product.property_values,
            sku=product.sku,
            price=product.offerings[0].price,
            quantity=product.offerings[0].quantity,
            for_sale=product.offerings[0].is_enabled,
            readiness_state_id=product.offerings[0].readiness_state_id,
            product_id=number,
        )
        for number, product in enumerate(inventory.products, start=first_id)
    )


def shown(wanted: ShopProduct, **changes: Any) -> ShownListing:
    """The listing of a product as Etsy shows it; `changes`: other content, or `state`, `image_ids` and `variants`."""
    listing = listing_of(wanted)
    parts: dict[str, Any] = {"state": "active", "image_ids": (7, 8), "variants": variants_shown(listing.inventory)}
    parts |= {name: changes.pop(name) for name in list(changes) if name in parts}
    return ShownListing(content=listing.content | changes, **parts)
