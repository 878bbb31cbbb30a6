"""Routes a call to its operation, named as in Etsy's OpenAPI file, and checks key, token, scope and shop."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from awin_medusa_pipeline.sandbox.etsy import images, inventory, listings, oauth, receipts, shop, shop_calls
from awin_medusa_pipeline.sandbox.etsy.answers import Answer, refusal
from awin_medusa_pipeline.sandbox.etsy.received import Received
from awin_medusa_pipeline.sandbox.etsy.requests import Request
from awin_medusa_pipeline.sandbox.etsy.rules import fields
from awin_medusa_pipeline.sandbox.etsy.rules import images as image_rules
from awin_medusa_pipeline.sandbox.etsy.state import State

ROOT = "/v3/application"


@dataclass(frozen=True)
class Operation:
    """An operation of Etsy's. `scope`: "" if the key is enough. `query`, `body`: the names that Etsy knows."""

    name: str
    method: str
    path: str
    carry_out: Callable[[Received], Answer]
    scope: str = ""
    query: frozenset[str] = frozenset()
    body: Mapping[str, fields.Parser] = field(default_factory=dict)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Pattern that matches its path."""
        return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>\\d{1,18})", ROOT + self.path))


_LISTINGS, _LISTING = "/shops/{shop_id}/listings", "/shops/{shop_id}/listings/{listing_id}"
_PAGE, _BATCH = frozenset({"limit", "offset"}), frozenset({"listing_ids"})
_BATCH_LISTINGS = _BATCH | {"includes", "currency", "buyer_country"}
_OF_SHOP = _PAGE | {"state", "sort_on", "sort_order", "includes"}
_OF_LISTING = frozenset({"includes", "language", "allow_suggested_title"})
_OF_INVENTORY = frozenset({"includes", "show_deleted"})
_MOST_VARIATIONS = frozenset({"max_variations_supported"})
_FILTERS = frozenset({"supports_variations", "supports_attributes"})
_RECEIPTS = _PAGE | {
    *("min_created", "max_created", "min_last_modified", "max_last_modified", "sort_on", "sort_order"),
    *("was_paid", "was_shipped", "was_delivered", "was_canceled"),
}
_INVENTORY = "/listings/{listing_id}/inventory"

OPERATIONS: tuple[Operation, ...] = (
    Operation("ping", "GET", "/openapi-ping", shop_calls.ping),
    Operation("getMe", "GET", "/users/me", shop_calls.me, "shops_r"),
    Operation("getShop", "GET", "/shops/{shop_id}", shop_calls.read),
    Operation(
        "getShopShippingProfiles", "GET", "/shops/{shop_id}/shipping-profiles", shop_calls.shipping_profiles, "shops_r"
    ),
    Operation("getShopReturnPolicies", "GET", "/shops/{shop_id}/policies/return", shop_calls.return_policies),
    Operation(
        "getShopReadinessStateDefinitions",
        "GET",
        "/shops/{shop_id}/readiness-state-definitions",
        shop_calls.readiness_states,
        "shops_r",
        _PAGE,
    ),
    Operation(
        "getShopProductionPartners",
        "GET",
        "/shops/{shop_id}/production-partners",
        shop_calls.production_partners,
        "shops_r",
    ),
    Operation("getShopSections", "GET", "/shops/{shop_id}/sections", shop_calls.sections),
    Operation("getSellerTaxonomyNodes", "GET", "/seller-taxonomy/nodes", shop_calls.taxonomy),
    Operation(
        "getPropertiesByTaxonomyId",
        "GET",
        "/seller-taxonomy/nodes/{taxonomy_id}/properties",
        shop_calls.properties,
        query=_FILTERS,
    ),
    Operation("createDraftListing", "POST", _LISTINGS, listings.create, "listings_w", body=fields.CREATE),
    Operation("getListingsByShop", "GET", _LISTINGS, listings.read_shop, "listings_r", _OF_SHOP),
    Operation("updateListing", "PATCH", _LISTING, listings.update, "listings_w", body=fields.UPDATE),
    Operation("getListingsByListingIds", "GET", "/listings/batch", listings.read_batch, query=_BATCH_LISTINGS),
    Operation("getListing", "GET", "/listings/{listing_id}", listings.read, query=_OF_LISTING),
    Operation("deleteListing", "DELETE", "/listings/{listing_id}", listings.delete, "listings_d"),
    Operation(
        "getListingsInventoryByListingIds",
        "GET",
        "/listings/batch/inventory",
        inventory.read_batch,
        "listings_r",
        _BATCH,
    ),
    Operation("getListingInventory", "GET", _INVENTORY, inventory.read, "listings_r", _OF_INVENTORY),
    Operation("updateListingInventory", "PUT", _INVENTORY, inventory.replace, "listings_w", _MOST_VARIATIONS),
    Operation("uploadListingImage", "POST", _LISTING + "/images", images.upload, "listings_w", body=image_rules.FIELDS),
    Operation("getListingImages", "GET", "/listings/{listing_id}/images", images.read_all),
    Operation("deleteListingImage", "DELETE", _LISTING + "/images/{listing_image_id}", images.delete, "listings_w"),
    Operation("getListingVariationImages", "GET", _LISTING + "/variation-images", images.read_variations),
    Operation("updateVariationImages", "POST", _LISTING + "/variation-images", images.link_variations, "listings_w"),
    Operation("getShopReceipts", "GET", "/shops/{shop_id}/receipts", receipts.read_shop, "transactions_r", _RECEIPTS),
    Operation("getShopReceipt", "GET", "/shops/{shop_id}/receipts/{receipt_id}", receipts.read, "transactions_r"),
)


def operation_of(method: str, path: str) -> tuple[Operation, dict[str, int]] | None:
    """Find the operation of a call and the ids in its path."""
    for operation in OPERATIONS:
        if operation.method == method and (match := operation.pattern.fullmatch(path)):
            return operation, {name: int(number) for name, number in match.groupdict().items()}
    return None


def check_key(request: Request, state: State) -> None:
    """Check the x-api-key header: keystring, colon and shared secret on every call. Raises RefusedError."""
    keystring, colon, secret = request.headers.get("x-api-key", "").partition(":")
    if not colon or not secret:
        raise refusal(403, "Shared secret is required in x-api-key header.")
    right = secrets.compare_digest(secret.encode(), state.settings.shared_secret.encode())
    if keystring != state.settings.keystring or not right:
        raise refusal(403, "Stand-in: x-api-key is not the key and secret of an app")


def _check_scope(scope: str, scopes: list[str], request: Request, state: State) -> None:
    """Check that the token has a scope, with Etsy's words.

    Without a token: 401, measured by eli-jordan in 2026-09. With a token that lacks the scope, clients of the same
    month saw 403; the setting missing_scope makes that a 401.
    """
    if scope in scopes:
        return
    if oauth.bearer(request) is None or state.settings.missing_scope == 401:
        raise refusal(401, f"Access token is required for this request (requires scope: {scope}).")
    raise refusal(403, f"Access token lacks scope for this request (requires scope: {scope}).")


def carry_out(operation: Operation, ids: dict[str, int], request: Request, state: State, base_url: str) -> Answer:
    """Check token, scope and shop, then carry out the operation. Raises RefusedError."""
    scopes = oauth.scopes(request, state)
    if operation.scope:
        _check_scope(operation.scope, scopes, request, state)
        if ids.get("shop_id", shop.SHOP_ID) != shop.SHOP_ID:
            raise refusal(403, f"User does not own Shop {ids['shop_id']}")
    if "legacy" in request.query:
        raise refusal(400, "Stand-in: Etsy took the parameter legacy away on 2026-07-27")
    return operation.carry_out(Received(state, request, ids, "listings_r" in scopes, base_url))
