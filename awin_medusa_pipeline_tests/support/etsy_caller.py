"""A plain HTTP client of the stand-in, without any of the program's own."""

from typing import Any, Self

import httpx

from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline_tests.support.etsy_bodies import DRAFT, png, product, value

LISTINGS = f"/shops/{shop.SHOP_ID}/listings"


class Caller:
    """Sends key and token with each call."""

    def __init__(self, etsy: EtsyHandle, *scopes: str) -> None:
        settings = etsy.environment()
        self.etsy = etsy
        self.tokens = etsy.connect(*scopes)
        self.http = httpx.Client(base_url=f"{etsy.url}/v3/application", verify=False)
        self.http.headers["x-api-key"] = f"{settings['ETSY_KEYSTRING']}:{settings['ETSY_SHARED_SECRET']}"
        self.http.headers["authorization"] = f"Bearer {self.tokens.access_token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def get(self, path: str, **query: Any) -> httpx.Response:
        """GET."""
        return self.http.get(path, params=query)

    def create(self, **changes: str) -> int:
        """A draft; its id."""
        answer = self.http.post(LISTINGS, data=DRAFT | changes)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["listing_id"])

    def patch(self, listing_id: int, **form: str) -> httpx.Response:
        """updateListing."""
        return self.http.patch(f"{LISTINGS}/{listing_id}", data=form)

    def put_inventory(self, listing_id: int, body: Any, **query: str) -> httpx.Response:
        """updateListingInventory."""
        return self.http.put(f"/listings/{listing_id}/inventory", json=body, params=query)

    def upload(self, listing_id: int, content: bytes | None = None, **form: str) -> httpx.Response:
        """uploadListingImage, of a picture."""
        files = {"image": ("a.png", png() if content is None else content)}
        return self.http.post(f"{LISTINGS}/{listing_id}/images", data=form, files=files)

    def attach(self, listing_id: int, image_id: int, **form: str) -> httpx.Response:
        """uploadListingImage, of one that the shop has."""
        parts = {name: (None, text) for name, text in {"listing_image_id": str(image_id), **form}.items()}
        return self.http.post(f"{LISTINGS}/{listing_id}/images", files=parts)

    def link_images(self, listing_id: int, *places: dict[str, int]) -> httpx.Response:
        """updateVariationImages."""
        return self.http.post(f"{LISTINGS}/{listing_id}/variation-images", json={"variation_images": list(places)})

    def active(self, *values: str) -> int:
        """A published listing with three pieces each of MUG, or of variants with these colours; its id."""
        listing_id = self.publishable()
        products = [product(f"MUG-{text}", [value(text)]) for text in values] or [product("MUG")]
        body = {"products": products, "sku_on_property": [513] if values else []}
        for answer in (self.put_inventory(listing_id, body), self.patch(listing_id, state="active")):
            assert answer.is_success, answer.text
        return listing_id

    def inventory(self, listing_id: int) -> list[dict[str, Any]]:
        """The products of its inventory as a read shows them."""
        return list(self.get(f"/listings/{listing_id}/inventory").json()["products"])

    def publishable(self) -> int:
        """A draft with all that publishing asks for; its id."""
        listing_id = self.create(return_policy_id=str(shop.RETURN_POLICY))
        assert self.upload(listing_id).status_code == 201
        return listing_id

    def image_ids(self, listing_id: int) -> list[int]:
        """Images of a listing in their order."""
        return [image["listing_image_id"] for image in self.get(f"/listings/{listing_id}/images").json()["results"]]
