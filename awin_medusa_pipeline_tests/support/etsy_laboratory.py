"""Provides a shop, its pictures, a state store and a connected Etsy stand-in to tests, chaos and bench of the sync."""

import contextlib
import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any

import httpx
from pydantic import SecretStr

from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.images import ImageFetcher
from awin_medusa_pipeline.core.messages import Message
from awin_medusa_pipeline.core.store.base import Base
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.core.store.secrets import Cipher, new_key
from awin_medusa_pipeline.etsy.client.budget import EtsyBudget
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.client.oauth import Consent, EtsyOAuth, refresh
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.domain.listing import Listing, prepare_listing
from awin_medusa_pipeline.etsy.domain.plan import ListingPlan
from awin_medusa_pipeline.etsy.domain.tokens import TokenPair
from awin_medusa_pipeline.etsy.engine.images import open_images
from awin_medusa_pipeline.etsy.engine.jobs import JobResult, JobRun, claim_job, sync_claimed_job
from awin_medusa_pipeline.etsy.engine.looks import Shown, take_over
from awin_medusa_pipeline.etsy.engine.product_sync import ListingOutcome, ListingResult
from awin_medusa_pipeline.etsy.engine.request import plan_products
from awin_medusa_pipeline.etsy.engine.state import EtsyApp, EtsyRules, EtsyState
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount, EtsyAccounts, StoredTokens
from awin_medusa_pipeline.etsy.store.jobs import EtsyJob, EtsyJobs, RequestedProduct
from awin_medusa_pipeline.etsy.store.links import EtsyLink, EtsyLinks
from awin_medusa_pipeline.medusa.models import ShopProduct
from awin_medusa_pipeline.sandbox.etsy import shop
from awin_medusa_pipeline.sandbox.etsy.handle import EtsyHandle
from awin_medusa_pipeline.sandbox.etsy.settings import SINGLE_MODES, StandInSettings, strictest
from awin_medusa_pipeline_tests.support.etsy_products import account_config, product, variant
from awin_medusa_pipeline_tests.support.fault_proxy import AnsweringServer

CURRENCY = "GBP"
"""Of the stand-in's shop."""
DEFAULT_MODE = {name: getattr(StandInSettings(), name) for name in strictest()}
MODES: Mapping[str, Mapping[str, Any]] = {"strictest": strictest(), "plain": {}, **SINGLE_MODES}
"""What the stand-in does where sources disagree about Etsy; ETSY_STAND_IN names another one for a whole run."""
PAUSE = 5.0
"""Seconds; longer than the reads of `strictest` are behind."""
UNLIMITED = {"per_second": 1_000_000, "per_day": 100_000_000}


def png(seed: str, side: int = 12) -> bytes:
    """A picture of one colour, another one for each seed."""
    colour = struct.pack(">I", zlib.crc32(seed.encode()))[:3]
    rows = (b"\0" + colour * side) * side

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    # The seed itself is in a comment: two colours may be the same.
    parts = (chunk(b"IHDR", head), chunk(b"tEXt", b"Seed\0" + seed.encode()), chunk(b"IDAT", zlib.compress(rows)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


GONE = (404, "text/html", b"")
"""What a server answers where there is no picture."""


@contextlib.contextmanager
def pictures(served: Mapping[str, tuple[int, str, bytes]]) -> Iterator[str]:
    """A server whose every address is a picture of its own; but `served` is asked for each time."""

    def answer(path: str) -> tuple[int, str, bytes]:
        return served.get(path) or (200, "image/png", png(path.partition("?")[0]))

    with AnsweringServer(answer) as address:
        yield address


@dataclass(frozen=True)
class LaboratoryState(EtsyState):
    """The state of an installation, with clients that never wait."""

    client_of: Callable[[EtsyAccount], EtsyClient] = field(kw_only=True)

    def client(self, account: EtsyAccount, backoff: Backoff | None = None) -> EtsyClient:
        return self.client_of(account)


@dataclass
class EtsyLaboratory:
    """One Medusa shop (`products` by id, as they are now) and one connected Etsy shop."""

    etsy: EtsyHandle
    database: Database
    pictures: str
    config: EtsyAccountConfig = field(default_factory=account_config)
    key: str = field(default_factory=new_key)
    products: dict[str, ShopProduct] = field(default_factory=dict)
    account_id: int = 0
    transport: httpx.BaseTransport | None = None
    attempts: int = 6
    with_sales: bool = False
    """Whether the consent covers the orders."""
    ahead: timedelta = timedelta()
    """How far the program's clock is ahead."""
    served: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    """Path of `pictures` -> status, type and content, where it is not a picture of its own."""
    faults_struck: int = 0
    notified: list[tuple[str, Message]] = field(default_factory=list)
    """Keys and messages to the shop owner."""

    def connect(self) -> "EtsyLaboratory":
        """Connect the Etsy shop, with the settings of the moment."""
        scopes = Consent(with_sales=self.with_sales).scopes
        given = self.etsy.connect(*scopes)
        expires_at = self.now() + timedelta(seconds=given.expires_in)
        account = self.accounts.connect(
            shop_id=shop.SHOP_ID,
            shop_name="Stand-in",
            currency=CURRENCY,
            pair=TokenPair(given.access_token, given.refresh_token, expires_at),
            config=self.config,
            scopes=scopes,
        )
        self.account_id = account.id
        return self

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def sleep(self, seconds: float) -> None:
        """Let time pass here and at Etsy."""
        if seconds:
            self.ahead += timedelta(seconds=seconds)
            self.etsy.change(clock_ahead=self.ahead.total_seconds())

    def use(self, mode: str) -> None:
        """Let the stand-in be one of the Etsys that sources tell of."""
        self.etsy.change(**(DEFAULT_MODE | MODES[mode]))

    def pause(self) -> None:
        """Let as much time pass as people take between two things: Etsy's reads show what was done."""
        self.sleep(PAUSE)

    @cached_property
    def images(self) -> ImageFetcher:
        """Fetches what `pictures` serves."""
        return open_images(("127.0.0.1",), Backoff(2, sleep=lambda seconds: None))

    @cached_property
    def names(self) -> dict[str, str]:
        """What the program's environment would be."""
        return self.etsy.environment()

    def state(self, client_of: Callable[[EtsyAccount], EtsyClient] | None = None, **rules: Any) -> LaboratoryState:
        """What the engine works with."""
        app = EtsyApp(self.names["ETSY_KEYSTRING"], None, "", self.etsy.url, "")
        known: dict[str, Any] = {"confirm_within": timedelta(hours=1), "push_stock_down": False, "stock_location": None}
        known["image_hosts"] = ("127.0.0.1",)
        return LaboratoryState(
            self.database,
            Cipher(SecretStr(self.key)),
            app,
            EtsyRules(**(known | rules)),
            lambda key, message: self.notified.append((key, message)),
            self.now,
            client_of=client_of or self.client,
        )

    @property
    def accounts(self) -> EtsyAccounts:
        return EtsyAccounts(self.database, Cipher(SecretStr(self.key)), now=self.now)

    @property
    def jobs(self) -> EtsyJobs:
        return EtsyJobs(self.database, now=self.now)

    @property
    def links(self) -> EtsyLinks:
        return EtsyLinks(self.database, now=self.now)

    def tokens(self, account: EtsyAccount, *, address: str = "") -> StoredTokens:
        """The account's tokens as they are stored."""
        oauth = EtsyOAuth(
            self.names["ETSY_KEYSTRING"],
            api_url=address or self.etsy.url,
            now=self.now,
            backoff=Backoff(self.attempts, sleep=lambda seconds: None),
        )
        return self.accounts.tokens(account.id, partial(refresh, oauth))

    def client(self, account: EtsyAccount, *, address: str = "") -> EtsyClient:
        """A client that never waits."""
        return EtsyClient(
            keystring=self.names["ETSY_KEYSTRING"],
            shared_secret=self.names["ETSY_SHARED_SECRET"],
            tokens=self.tokens(account, address=address),
            shop_id=account.shop_id,
            api_url=address or self.etsy.url,
            budget=EtsyBudget(sleep=lambda seconds: None, now=self.now),
            backoff=Backoff(self.attempts, sleep=lambda seconds: None),
            # Nothing is encrypted here, and loading certificates would take 30 ms a client.
            transport=self.transport or httpx.HTTPTransport(verify=False),
        )

    def add(
        self, product_id: str = "prod_1", /, *variants: Any, images: Sequence[str] = ("a", "b"), **values: Any
    ) -> None:
        """Put a product into the Medusa shop, in place of one with that id."""
        filled: dict[str, Any] = {"id": product_id, "title": f"Lamp {product_id}"} | values
        addresses = tuple(f"{self.pictures}/{product_id}/{name}{'' if '?' in name else '.png'}" for name in images)
        of = variants or (variant(f"{product_id}-sku"),)
        self.products[product_id] = product(*of, images=addresses, **filled)

    def read(self, product_ids: Sequence[str], currency: str) -> Mapping[str, ShopProduct]:
        """What Medusa has of them."""
        assert currency == CURRENCY
        return {id_: self.products[id_] for id_ in product_ids if id_ in self.products}

    def plans(self, *product_ids: str) -> list[ListingPlan]:
        """What a person would be shown."""
        self.pause()
        etsy, account = self.state(), self.accounts.get(self.account_id)
        links = self.links.of_products(self.account_id, product_ids)
        if ids := [link.etsy_listing_id for link in links.values() if link.etsy_listing_id]:
            with self.client(account) as client:
                sales = etsy.imported_sales(self.account_id, list(product_ids))
                take_over(etsy, account, links, self.products, Shown.read(client, ids), sales)
        links = self.links.of_products(self.account_id, product_ids)
        return plan_products(etsy, account, product_ids, self.products, links)

    def requested(self, *product_ids: str) -> EtsyJob:
        """A job of these products, or all, that waits for a confirmation."""
        products = [
            RequestedProduct(p.product_id, p.title, p.proposal) for p in self.plans(*(product_ids or self.products))
        ]
        return self.jobs.request(self.account_id, products, requested_by="ann", confirm_within=timedelta(hours=1))

    def confirmed(self, *product_ids: str) -> EtsyJob:
        """The same, and a person has confirmed it."""
        return self.jobs.confirm(self.requested(*product_ids).transaction_id, "bob")

    def confirmed_claimed(self, *product_ids: str) -> EtsyJob:
        """The same, and a run has begun."""
        return self.jobs.claim(self.confirmed(*product_ids).transaction_id, "run")

    def run(self, job: EtsyJob, **options: Any) -> JobResult:
        """Do a confirmed job, as the run of its attempt."""
        self.pause()
        etsy = self.state(options.pop("client_of", self.client), **options.pop("rules", {}))
        run = JobRun(f"run-{job.transaction_id}-{job.attempt}")
        claim_job(etsy, job.transaction_id, run)
        return sync_claimed_job(etsy, run, self.read, self.images, sleep=self.sleep, **options)

    def sync(self, *product_ids: str) -> JobResult:
        """Request, confirm, do."""
        return self.run(self.confirmed(*product_ids))

    def retry(self, job: EtsyJob) -> JobResult:
        """Take the products of a job that failed once more."""
        return self.run(self.jobs.retry(job.transaction_id, "bob"))

    def retry_dead(self, job: EtsyJob) -> JobResult:
        """Take a job from a run that died, and do it again."""
        self.jobs.finish(job.transaction_id, str(self.jobs.get(job.transaction_id).run_id), stopped="its run died")
        return self.retry(job)

    def link(self, product_id: str = "prod_1") -> EtsyLink:
        """Its link."""
        return self.links.of_products(self.account_id, [product_id])[product_id]

    def wanted(self, product_id: str) -> Listing:
        """What its listing should be."""
        listing = prepare_listing(self.products[product_id], self.config, CURRENCY, publish=self.config.publish).listing
        assert listing is not None
        return listing

    def wrong(self) -> list[str]:
        """What differs between the products in Medusa and all listings on Etsy; only for products to be listed."""
        state = self.etsy.state()
        listings = {listing["listing_id"]: listing for listing in state["listings"].values()}
        links = self.links.of_products(self.account_id, list(self.products))
        found = []
        mapped = [link.etsy_listing_id for link in links.values()]
        if strays := sorted(set(listings) - set(mapped)):
            found.append(f"listings of no product: {strays}")
        for product_id in self.products:
            link = links.get(product_id)
            listing = listings.get(link.etsy_listing_id) if link else None
            if link is None or listing is None:
                found.append(f"{product_id}: no listing")
                continue
            found += [f"{product_id}: {part}" for part in self._wrong_parts(product_id, listing, state)]
            if link.sync_status != "synced":
                found.append(f"{product_id}: {link.sync_status}: {link.sync_error}")
        return found

    def _wrong_parts(self, product_id: str, listing: dict[str, Any], state: dict[str, Any]) -> Iterator[str]:
        wanted = self.wanted(product_id)
        draft = wanted.draft
        for name in ("title", "description", "who_made", "when_made", "taxonomy_id", "shipping_profile_id"):
            if listing["fields"][name] != getattr(draft, name):
                yield name
        for name in ("tags", "materials"):
            if tuple(listing["fields"][name]) != getattr(draft, name):
                yield name
        if variants_of(listing["inventory"]) != variants_wanted(wanted):
            yield "variants"
        hashes = [state["images"][str(shown["image_id"])]["sha256"] for shown in listing["images"]]
        if hashes != [sha256_of(address) for address in wanted.images]:
            yield "images"
        if self.config.publish != (listing["fields"]["state"] == "active"):
            yield "state"


def failures(result: JobResult) -> list[ListingOutcome]:
    """The products that failed."""
    return [outcome for outcome in result.outcomes if outcome.result is ListingResult.FAILED]


def sha256_of(address: str) -> str:
    """Of the picture at an address of `pictures`."""
    return hashlib.sha256(png(httpx.URL(address).path)).hexdigest()


def variants_of(inventory: Mapping[str, Any]) -> set[tuple[Any, ...]]:
    """SKU, values, cents, quantity, can be bought: as the stand-in keeps them."""
    return {
        (
            entry["sku"],
            tuple(value["values"][0] for value in entry["property_values"]),
            entry["offerings"][0]["price"]["amount"],
            entry["offerings"][0]["quantity"],
            entry["offerings"][0]["is_enabled"],
        )
        for entry in inventory["products"]
    }


def variants_wanted(listing: Listing) -> set[tuple[Any, ...]]:
    """The same of a listing as it should be."""
    return {
        (
            entry.sku,
            tuple(value.values[0] for value in entry.property_values),
            round(entry.offerings[0].price * 100),
            entry.offerings[0].quantity,
            entry.offerings[0].is_enabled,
        )
        for entry in listing.inventory.products
    }


@contextlib.contextmanager
def laboratory(
    etsy: EtsyHandle, database: Database, *, missing: Iterable[str] = (), **config: Any
) -> Iterator[EtsyLaboratory]:
    """Connected to an Etsy shop, its settings as in `account_config`; a store that begins empty."""
    with database.writing() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())
    etsy.change(**UNLIMITED)
    served = dict.fromkeys(missing, GONE)
    with pictures(served) as address:
        opened = EtsyLaboratory(etsy, database, address, account_config(**config), served=served).connect()
        opened.use(os.environ.get("ETSY_STAND_IN", "strictest"))
        with opened.images:
            yield opened
