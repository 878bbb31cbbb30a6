"""Defines a product of the shop with its variants, as one object."""

from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class ShopVariant(_Model):
    """One variant."""

    id: str
    title: str = ""
    sku: str | None = None
    options: dict[str, str] = {}
    """Option title -> value."""
    price: Decimal | None = None
    """In major units of the currency asked for; None where Medusa has none in it."""
    quantity: int | None = 0
    """Quantity that can be sold from the location; None where Medusa does not count stock."""

    @property
    def name(self) -> str:
        """SKU, else title, else id: a name for people."""
        return self.sku or self.title or self.id


class ShopProduct(_Model):
    """One product with its variants in the shop's order. Medusa gives sizes and weight no unit."""

    id: str
    title: str = ""
    description: str = ""
    handle: str = ""
    status: str = "published"
    images: tuple[str, ...] = ()
    """Addresses, the thumbnail first."""
    tags: tuple[str, ...] = ()
    material: str = ""
    categories: tuple[str, ...] = ()
    """Handles."""
    metadata: dict[str, Any] = {}
    weight: Decimal | None = None
    length: Decimal | None = None
    width: Decimal | None = None
    height: Decimal | None = None
    variants: tuple[ShopVariant, ...] = ()
