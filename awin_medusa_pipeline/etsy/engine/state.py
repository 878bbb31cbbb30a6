"""Holds what the Etsy part works with: its state in the store, clients of its shops, and the way to notify."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from pydantic import SecretStr

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.messages import Message
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.core.store.secrets import Cipher
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.client.oauth import EtsyOAuth, refresh
from awin_medusa_pipeline.etsy.domain.stock import Imported
from awin_medusa_pipeline.etsy.domain.tokens import OneToken, TokenSource
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount, EtsyAccounts
from awin_medusa_pipeline.etsy.store.jobs import EtsyJobs
from awin_medusa_pipeline.etsy.store.links import EtsyLinks
from awin_medusa_pipeline.etsy.store.sales import EtsySales


@dataclass(frozen=True)
class EtsyApp:
    """The app at Etsy and Etsy's addresses."""

    keystring: str | None
    shared_secret: SecretStr | None = field(repr=False)
    redirect_uri: str
    api_url: str
    oauth_url: str

    def credentials(self) -> tuple[str, str]:
        """Return keystring and shared secret. Raises PermanentError naming the setting that is missing."""
        if not self.keystring or not self.shared_secret:
            missing = "ETSY_SHARED_SECRET" if self.keystring else "ETSY_KEYSTRING"
            raise PermanentError(
                "Using Etsy",
                f"{missing} is not set",
                "Copy keystring and shared secret of your app from etsy.com/developers/your-apps into .env.",
            )
        return self.keystring, self.shared_secret.get_secret_value()


@dataclass(frozen=True)
class EtsyRules:
    """What the shop owner decided about Etsy."""

    confirm_within: timedelta
    """How long a job waits for its confirmation."""
    push_stock_down: bool
    """Whether the daily job may lower quantities without a confirmation."""
    ours: frozenset[str] = field(default=frozenset(), kw_only=True)
    """Settings that are never left to the seller (domain/owners.py)."""
    stock_location: str | None
    """Name or id of the stock location in Medusa to sell from; None: the first one."""
    import_sales: bool = False
    """Whether what is sold on Etsy lowers the levels in Medusa."""
    image_hosts: Collection[str] = ()
    """Hosts of the own network that images may be fetched from."""


@dataclass(frozen=True)
class EtsyState:
    """Accounts, jobs and links, and access to the connected shops."""

    database: Database
    cipher: Cipher
    app: EtsyApp
    rules: EtsyRules
    notify: Callable[[str, Message], None]
    """Stores a message to the shop owner, once per key, and sends what waits. A fault of Slack never raises."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    """Aware UTC."""

    @property
    def accounts(self) -> EtsyAccounts:
        """The shops that were connected."""
        return EtsyAccounts(self.database, self.cipher, now=self.now)

    @property
    def jobs(self) -> EtsyJobs:
        """The jobs that were requested."""
        return EtsyJobs(self.database, now=self.now)

    @property
    def links(self) -> EtsyLinks:
        """Which product is which listing."""
        return EtsyLinks(self.database, now=self.now)

    @property
    def sold(self) -> EtsySales:
        """What was sold on Etsy, and what became of it in Medusa."""
        return EtsySales(self.database, now=self.now)

    def imported_sales(self, account_id: int, product_ids: Sequence[str]) -> Mapping[str, Imported] | None:
        """Return what the sale import has dealt with of each product; None: it is off.

        Read it before the levels in Medusa: what is imported in between is then taken off twice for a while, never not.
        """
        if not self.rules.import_sales:
            return None
        pieces, cursor = self.sold.dealt_with(account_id, product_ids), self.sold.cursor(account_id)
        until = cursor.imported_at if cursor else None
        return {product_id: Imported(pieces.get(product_id, {}), until) for product_id in product_ids}

    @property
    def oauth(self) -> EtsyOAuth:
        """The app as token requests need it. Raises PermanentError naming the setting that is missing."""
        keystring, _ = self.app.credentials()
        return EtsyOAuth(keystring, self.app.redirect_uri, self.app.api_url, self.app.oauth_url)

    def client(self, account: EtsyAccount, backoff: Backoff | None = None) -> EtsyClient:
        """Return a client of a connected shop. Raises PermanentError naming the setting that is missing."""
        tokens = self.accounts.tokens(account.id, partial(refresh, self.oauth))
        return self._client(tokens, account.shop_id, backoff)

    def first_client(self, token: str) -> EtsyClient:
        """Return a client of a shop that is being connected, by its first access token; its id is not known yet."""
        return self._client(OneToken(token), 0)

    def _client(self, tokens: TokenSource, shop_id: int, backoff: Backoff | None = None) -> EtsyClient:
        keystring, shared_secret = self.app.credentials()
        return EtsyClient(
            keystring=keystring,
            shared_secret=shared_secret,
            tokens=tokens,
            shop_id=shop_id,
            api_url=self.app.api_url,
            backoff=backoff,
        )
