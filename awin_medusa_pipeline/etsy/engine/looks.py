"""Looks at listings on Etsy, and takes over into their memory what it shows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from awin_medusa_pipeline.etsy.client.answers import ListedInventory, ListingAnswer
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.domain.listing import prepare_listing
from awin_medusa_pipeline.etsy.domain.looks import Look, look_at_listing
from awin_medusa_pipeline.etsy.domain.stock import Imported
from awin_medusa_pipeline.etsy.engine.state import EtsyState
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount
from awin_medusa_pipeline.etsy.store.links import EtsyLink
from awin_medusa_pipeline.medusa.models import ShopProduct


@dataclass(frozen=True)
class Shown:
    """Listings as Etsy shows them, by id; two calls for each hundred."""

    listings: Mapping[int, ListingAnswer]
    inventories: Mapping[int, ListedInventory]

    @classmethod
    def read(cls, client: EtsyClient, listing_ids: Iterable[int]) -> "Shown":
        """Read them. A listing that is missing is gone only if `EtsyClient.listing` says so."""
        ids = list(listing_ids)
        listings = client.listings_by_ids(ids)
        return cls(listings, client.inventories(listings))

    def with_listings(self, more: Mapping[int, ListingAnswer]) -> "Shown":
        """Return these and more listings, of which nothing else is known."""
        return Shown({**self.listings, **more}, self.inventories)


def look(
    etsy: EtsyState,
    account: EtsyAccount,
    link: EtsyLink,
    product: ShopProduct | None,
    listed: ListingAnswer,
    inventory: ListedInventory | None,
    imported: Imported | None,
) -> Look:
    """Compare a listing with its memory and its product; nothing is stored."""
    prepared = prepare_listing(product, account.api_config, account.currency, publish=False) if product else None
    return look_at_listing(
        link.memory,
        listed.shown(inventory),
        prepared.listing if prepared else None,
        product,
        now=etsy.now(),
        imported=imported,
        ours=etsy.rules.ours,
    )


def take_over(
    etsy: EtsyState,
    account: EtsyAccount,
    links: Mapping[str, EtsyLink],
    products: Mapping[str, ShopProduct],
    shown: Shown,
    sales: Mapping[str, Imported] | None,
) -> dict[str, tuple[str, ...]]:
    """Store what Etsy shows of the listings that no open job has; return what a person should know, by product.

    `sales`: EtsyState.imported_sales, read before the products.
    """
    said = {}
    for product_id, link in links.items():
        listed = shown.listings.get(link.etsy_listing_id or 0)
        if listed is None:
            continue
        inventory = shown.inventories.get(listed.listing_id)
        imported = sales[product_id] if sales else None
        found = look(etsy, account, link, products.get(product_id), listed, inventory, imported)
        if found.memory == link.memory or etsy.links.record_shown(account.id, product_id, found.memory):
            said[product_id] = found.sentences
    return said
