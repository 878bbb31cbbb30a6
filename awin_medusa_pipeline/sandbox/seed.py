"""Turns a fresh Medusa into a shop that can be synchronized: currencies, regions, stock location, keys.

It uses HTTP, as a shop owner's own tools would; only the first admin user is created in medusa.py.
"""

import json
from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx

from awin_medusa_pipeline.core.http import certificates
from awin_medusa_pipeline.sandbox.errors import SandboxError

ADMIN_EMAIL = "admin@sandbox.test"
CURRENCIES = ("gbp", "eur")
"""The first one is the default."""
REGIONS: dict[str, tuple[str, list[str]]] = {
    "United Kingdom": ("gbp", ["gb"]),
    "Europe": ("eur", ["at", "be", "de", "dk", "es", "fi", "fr", "ie", "it", "nl", "pl", "pt", "se"]),
}
STOCK_LOCATION = {
    "name": "Warehouse",
    "address": {"address_1": "1 Sandbox Street", "city": "London", "country_code": "gb", "postal_code": "N1 1AA"},
}


@dataclass(frozen=True)
class Shop:
    """A seeded shop: its address, its keys and the ids that a new product needs."""

    base_url: str
    admin_email: str
    admin_password: str = field(repr=False)
    admin_key: str = field(repr=False)
    publishable_key: str
    sales_channel_id: str
    stock_location_id: str
    shipping_profile_id: str

    def client(self) -> httpx.Client:
        """Make an HTTP client that is logged in as the admin user; the caller closes it."""
        # Medusa closes an idle connection after 5 s, so we close ours earlier.
        limits = httpx.Limits(keepalive_expiry=4)
        return httpx.Client(
            base_url=self.base_url, auth=_Session(self), timeout=120, limits=limits, verify=certificates()
        )


class _Session(httpx.Auth):
    """Logs in with the first request of this process: checking the secret key takes Medusa 35 ms, each time."""

    requires_response_body = True
    _tokens: ClassVar[dict[Shop, str]] = {}

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        shop = self._shop
        if shop not in self._tokens:
            credentials = {"email": shop.admin_email, "password": shop.admin_password}
            answer = yield httpx.Request("POST", f"{shop.base_url}/auth/user/emailpass", json=credentials)
            if answer.is_error:
                came_back = f"HTTP {answer.status_code} {answer.text[:500]}"
                raise SandboxError("Logging in to the sandbox's shop", came_back, "Look: awin-medusa sandbox status.")
            self._tokens[shop] = answer.json()["token"]
        request.headers["Authorization"] = f"Bearer {self._tokens[shop]}"
        yield request


def call(client: httpx.Client, method: str, path: str, **options: Any) -> dict[str, Any]:
    """Send a request and return its JSON answer. Raises SandboxError unless it succeeds."""
    try:
        response = client.request(method, path, **options)
    except httpx.TransportError as error:
        came_back = f"the connection broke ({type(error).__name__})"
        raise SandboxError(f"{method} {path}", came_back, "See awin-medusa sandbox status.") from None
    if response.is_error:
        came_back = f"HTTP {response.status_code} {response.text[:500]}"
        raise SandboxError(f"{method} {path}", came_back, "The log of Medusa has more: awin-medusa sandbox status.")
    answer: dict[str, Any] = response.json()
    return answer


def seed(base_url: str, email: str, password: str) -> Shop:
    """Create everything that a shop needs before its first product. Takes half a second."""
    with httpx.Client(base_url=base_url, timeout=60, verify=certificates()) as client:

        def get(path: str, **params: str) -> dict[str, Any]:
            return call(client, "GET", path, params=params)

        def post(path: str, **body: Any) -> dict[str, Any]:
            return call(client, "POST", path, json=body)

        token = post("/auth/user/emailpass", email=email, password=password)["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        # Medusa itself creates a store, a sales channel with a publishable key, and a shipping profile.
        store = get("/admin/stores")["stores"][0]
        channel = get("/admin/sales-channels")["sales_channels"][0]["id"]
        publishable = get("/admin/api-keys", type="publishable")["api_keys"][0]["token"]
        profile = get("/admin/shipping-profiles")["shipping_profiles"][0]["id"]
        currencies = [{"currency_code": code, "is_default": code == CURRENCIES[0]} for code in CURRENCIES]
        post(f"/admin/stores/{store['id']}", supported_currencies=currencies)
        regions = [
            post(
                "/admin/regions",
                name=name,
                currency_code=currency,
                countries=countries,
                payment_providers=["pp_system_default"],
            )["region"]["id"]
            for name, (currency, countries) in REGIONS.items()
        ]
        location = post("/admin/stock-locations", **STOCK_LOCATION)["stock_location"]["id"]
        post(f"/admin/stock-locations/{location}/sales-channels", add=[channel])
        post(
            f"/admin/stores/{store['id']}",
            name="Sandbox shop",
            default_region_id=regions[0],
            default_location_id=location,
            default_sales_channel_id=channel,
        )
        secret = post("/admin/api-keys", title="awin-medusa", type="secret")["api_key"]["token"]
    return Shop(base_url, email, password, secret, publishable, channel, location, profile)


def save_private(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that only its owner may read, atomically: a reader finds the old or the new content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(content, indent=2))
    draft.replace(path)


def save(shop: Shop, path: Path, made_for: str) -> None:
    """Save the keys of a shop with the fingerprint of the software and seed that made it."""
    save_private(path, {"made_for": made_for, **{k: v for k, v in asdict(shop).items() if k != "base_url"}})


def load(path: Path, base_url: str, made_for: str) -> Shop | None:
    """Load the shop written by `save`; None if there is none or its fingerprint differs."""
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    if content.pop("made_for", None) != made_for:
        return None
    return Shop(base_url=base_url, **content)
