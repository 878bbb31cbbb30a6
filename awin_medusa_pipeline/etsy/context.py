"""The Etsy part put together: its state in the store, and the way to a connected shop, as the settings have them.

What belongs here: joining store, clients and settings. What does not: what is done with them (etsy/engine/), and who is
shown what (cli/etsy.py, etsy/domain/messages.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.core.messages import Payload
from awin_medusa_pipeline.core.slack import SlackClient, post
from awin_medusa_pipeline.core.store.database import Database, database_url, open_database
from awin_medusa_pipeline.core.store.outbox import Outbox
from awin_medusa_pipeline.core.store.secrets import Cipher
from awin_medusa_pipeline.etsy.client.client import EtsyClient
from awin_medusa_pipeline.etsy.client.oauth import EtsyOAuth, OneToken, refresh
from awin_medusa_pipeline.etsy.store.accounts import EtsyAccount, EtsyAccounts
from awin_medusa_pipeline.etsy.store.jobs import EtsyJobs
from awin_medusa_pipeline.etsy.store.links import EtsyLinks
from awin_medusa_pipeline.settings import Settings


@dataclass(frozen=True)
class Etsy:
    """What there is of Etsy in one state store."""

    settings: Settings
    database: Database

    @property
    def accounts(self) -> EtsyAccounts:
        """The shops that were connected."""
        return EtsyAccounts(self.database, Cipher(self.settings.awin_medusa_secret_key))

    @property
    def jobs(self) -> EtsyJobs:
        """What was asked for."""
        return EtsyJobs(self.database)

    @property
    def links(self) -> EtsyLinks:
        """Which product is which listing."""
        return EtsyLinks(self.database)

    @property
    def oauth(self) -> EtsyOAuth:
        """The app at Etsy. Raises PermanentError naming the setting that is missing."""
        settings = self.settings
        return EtsyOAuth(_app(settings)[0], settings.etsy_redirect_uri, settings.etsy_api_url, settings.etsy_oauth_url)

    def client(self, account: EtsyAccount) -> EtsyClient:
        """A connected shop. Raises PermanentError when the app at Etsy is not set."""
        keystring, shared_secret = _app(self.settings)
        tokens = self.accounts.tokens(account.id, partial(refresh, self.oauth))
        return EtsyClient(
            keystring=keystring,
            shared_secret=shared_secret,
            tokens=tokens,
            shop_id=account.shop_id,
            api_url=self.settings.etsy_api_url,
        )

    def client_with(self, token: str, shop_id: int = 0) -> EtsyClient:
        """A shop that is about to be connected, with its first access token."""
        keystring, shared_secret = _app(self.settings)
        return EtsyClient(
            keystring=keystring,
            shared_secret=shared_secret,
            tokens=OneToken(token),
            shop_id=shop_id,
            api_url=self.settings.etsy_api_url,
        )

    def tell(self, dedupe_key: str, message: Payload) -> None:
        """Keep a message for Slack, once for each key, and send what waits. A fault of Slack never raises."""
        post(Outbox(self.database), SlackClient.from_settings(self.settings), dedupe_key, message)


@contextmanager
def open_etsy() -> Iterator[Etsy]:
    """The Etsy part on the state store of the settings."""
    settings = Settings()
    with open_database(database_url(settings)) as database:
        yield Etsy(settings, database)


def _app(settings: Settings) -> tuple[str, str]:
    keystring, secret = settings.etsy_keystring, settings.etsy_shared_secret
    if not keystring or not secret:
        missing = "ETSY_SHARED_SECRET" if keystring else "ETSY_KEYSTRING"
        raise PermanentError(
            "Using Etsy",
            f"{missing} is not set",
            "Copy keystring and shared secret of your app from etsy.com/developers/your-apps into .env.",
        )
    return keystring, secret.get_secret_value()
