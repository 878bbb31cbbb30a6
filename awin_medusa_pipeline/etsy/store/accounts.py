"""Stores connected Etsy shops and their tokens: encrypted at rest, renewed by one process at a time.

A renewal is claimed in the store, requested from Etsy outside any transaction, and stored before it is used. A process
killed before the request leaves a claim that expires. One killed between Etsy's answer and storing it loses that
answer, which nothing can prevent: the next process tries the old refresh token, and if Etsy no longer accepts it, a
person is asked to connect the shop again.
"""

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from awin_medusa_pipeline.core.errors import Action, PermanentError
from awin_medusa_pipeline.core.store.database import Database
from awin_medusa_pipeline.core.store.secrets import Cipher
from awin_medusa_pipeline.etsy.domain.config import EtsyAccountConfig
from awin_medusa_pipeline.etsy.domain.tokens import NotConnectedError, TokenPair
from awin_medusa_pipeline.etsy.store.models import EtsyAccount

__all__ = ["EtsyAccount", "EtsyAccountError", "EtsyAccounts", "StoredTokens"]

RENEW_BEFORE = timedelta(minutes=1)
"""A token that expires sooner might expire on its way to Etsy."""
CLAIMED_FOR = timedelta(seconds=90)
"""Longer than a renewal takes with its retries (about a minute)."""
POLL = 0.2
"""Seconds between two checks whether another process has renewed the pair."""

Renew = Callable[[str], TokenPair]


class EtsyAccountError(PermanentError):
    """There is no such account, or more than one."""


class EtsyAccounts:
    """Reads and writes accounts. Times are aware UTC."""

    def __init__(
        self, database: Database, cipher: Cipher, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database, self._cipher, self._now = database, cipher, now

    def connect(
        self,
        *,
        shop_id: int,
        shop_name: str,
        currency: str,
        pair: TokenPair,
        config: EtsyAccountConfig,
        scopes: Iterable[str] = (),
    ) -> EtsyAccount:
        """Store a shop whose owner has consented; a shop that was connected before keeps its id and links.

        `scopes`: what the consent covers.
        """
        values = _columns(self._cipher, pair) | {
            "shop_name": shop_name,
            "currency": currency.upper(),
            "api_config": config,
            "is_active": True,
            "connected_at": self._now(),
            "scopes": " ".join(scopes),
        }
        with self._database.writing() as session:
            account = session.scalar(
                sa.select(EtsyAccount).where(EtsyAccount.shop_id == shop_id).with_for_update()
            ) or EtsyAccount(shop_id=shop_id, token_generation=0)
            for name, value in values.items():
                setattr(account, name, value)
            account.token_generation += 1
            session.add(account)
        return account

    def all(self) -> list[EtsyAccount]:
        """Return every account, the disconnected ones too, oldest first."""
        with self._database.reading() as session:
            return list(session.scalars(sa.select(EtsyAccount).order_by(EtsyAccount.id)))

    def active(self) -> list[EtsyAccount]:
        """Return the connected accounts, oldest first."""
        return [account for account in self.all() if account.is_active]

    def get(self, account_id: int) -> EtsyAccount:
        """Return one account by its id."""
        with self._database.reading() as session:
            return session.get_one(EtsyAccount, account_id)

    def find(self, shop: str | None = None) -> EtsyAccount:
        """Find the connected account by shop name or id; without a name the only one. Raises EtsyAccountError."""
        active = self.active()
        fits = [a for a in active if shop is None or shop.lower() in (a.shop_name.lower(), str(a.shop_id))]
        if len(fits) == 1:
            return fits[0]
        names = ", ".join(account.shop_name for account in active)
        tried = f"Looking for the Etsy shop {shop}" if shop else "Looking for the Etsy shop"
        if not active:
            raise EtsyAccountError(tried, "none is connected", "Connect one.", action=Action.CONNECT_ETSY)
        came_back = f"{len(active)} are connected ({names})" if shop is None else f"connected is {names}"
        raise EtsyAccountError(tried, came_back, "Name one of them.")

    def configure(self, account_id: int, config: EtsyAccountConfig) -> None:
        """Replace the settings by which products are listed in this account."""
        self._update(account_id, api_config=config)

    def disconnect(self, account_id: int) -> None:
        """Delete the tokens; links and jobs stay. Etsy has no call to revoke them: the owner removes the app there."""
        self._update(
            account_id,
            is_active=False,
            access_token=None,
            refresh_token=None,
            token_expires_at=None,
            token_generation=EtsyAccount.token_generation + 1,
            renewing_by=None,
            renewing_until=None,
        )

    def rotate_key(self) -> int:
        """Encrypt all tokens with the first key, or none; return the number of accounts. Raises SecretKeyError."""
        with self._database.writing() as session:
            query = sa.select(EtsyAccount).where(EtsyAccount.refresh_token.is_not(None)).with_for_update()
            accounts = list(session.scalars(query))
            for account in accounts:
                what = _tokens_of(account)
                account.access_token = self._cipher.rotate(account.access_token or "", what)
                account.refresh_token = self._cipher.rotate(account.refresh_token or "", what)
            return len(accounts)

    def tokens(self, account_id: int, renew: Renew, *, sleep: Callable[[float], None] = time.sleep) -> "StoredTokens":
        """Return the tokens for a client; `renew` gets a new pair from Etsy for a refresh token."""
        return StoredTokens(self._database, self._cipher, account_id, renew, self._now, sleep)

    def _update(self, account_id: int, **values: Any) -> None:
        with self._database.writing() as session:
            session.execute(sa.update(EtsyAccount).where(EtsyAccount.id == account_id).values(**values))


@dataclass(frozen=True)
class StoredTokens:
    """Reads and renews the tokens of one account (a TokenSource); one thread or process at a time renews them."""

    database: Database
    cipher: Cipher
    account_id: int
    renew: Renew
    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def access_token(self) -> str:
        """Return a token valid for a minute or more. Raises NotConnectedError, SecretKeyError, what `renew` raises."""
        account = self._connected()
        return self._access_token(account) if self._is_good(account) else self._renewed(account.token_generation)

    def refreshed(self, stale: str) -> str:
        """Return a token other than `stale`. Raises the same as access_token."""
        account = self._connected()
        token = self._access_token(account)
        return token if token != stale and self._is_good(account) else self._renewed(account.token_generation)

    def _renewed(self, generation: int) -> str:
        me = uuid.uuid4().hex
        while not self._claim(me, generation):
            self.sleep(POLL)
        account = self._connected()
        if account.token_generation != generation:
            return self._access_token(account)
        try:
            pair = self.renew(self.cipher.decrypt(account.refresh_token or "", _tokens_of(account)))
        except NotConnectedError as error:
            # Not raised if another process got a pair with the same token after this claim expired.
            if self._settle(generation, reconnect_reason=error.came_back):
                raise
        except BaseException:
            self._settle(generation, EtsyAccount.renewing_by == me)
            raise
        else:
            self._settle(generation, token_generation=generation + 1, **_columns(self.cipher, pair))
        return self._access_token(self._connected())

    def _claim(self, me: str, generation: int) -> bool:
        """Claim the renewal; True also when the pair has been renewed meanwhile."""
        now = self.now()
        claim = (
            sa.update(EtsyAccount)
            .where(EtsyAccount.id == self.account_id, EtsyAccount.token_generation == generation)
            .where(sa.or_(EtsyAccount.renewing_until.is_(None), EtsyAccount.renewing_until <= now))
            .values(renewing_by=me, renewing_until=now + CLAIMED_FOR)
            .returning(EtsyAccount.id)
        )
        # Most checks of a waiting process find the claim of another: they need no lock.
        account = self._connected()
        if account.token_generation != generation:
            return True
        if account.renewing_until is not None and account.renewing_until > now:
            return False
        with self.database.writing() as session:
            return session.scalar(claim) is not None

    def _settle(self, generation: int, *conditions: sa.ColumnElement[bool], **values: Any) -> bool:
        """End the renewal of this generation; False when another process has already ended it."""
        end = (
            sa.update(EtsyAccount)
            .where(EtsyAccount.id == self.account_id, EtsyAccount.token_generation == generation, *conditions)
            .values({"renewing_by": None, "renewing_until": None} | values)
            .returning(EtsyAccount.id)
        )
        with self.database.writing() as session:
            return session.scalar(end) is not None

    def _connected(self) -> EtsyAccount:
        with self.database.reading() as session:
            account = session.get_one(EtsyAccount, self.account_id)
        if not account.is_active or account.reconnect_reason:
            came_back = account.reconnect_reason or "it was disconnected"
            raise NotConnectedError(f"Using the Etsy shop {account.shop_name}", came_back)
        return account

    def _is_good(self, account: EtsyAccount) -> bool:
        return account.token_expires_at is not None and account.token_expires_at > self.now() + RENEW_BEFORE

    def _access_token(self, account: EtsyAccount) -> str:
        return self.cipher.decrypt(account.access_token or "", _tokens_of(account))


def _columns(cipher: Cipher, pair: TokenPair) -> dict[str, Any]:
    return {
        "access_token": cipher.encrypt(pair.access_token),
        "refresh_token": cipher.encrypt(pair.refresh_token),
        "token_expires_at": pair.expires_at,
        "reconnect_reason": None,
        "renewing_by": None,
        "renewing_until": None,
    }


def _tokens_of(account: EtsyAccount) -> str:
    return f"the tokens of the Etsy shop {account.shop_name}"
