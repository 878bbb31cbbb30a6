"""Tokens of a connected Etsy shop: the pair, where a client gets them, and the error when a person must connect."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from awin_medusa_pipeline.core.errors import Action, PermanentError


class NotConnectedError(PermanentError):
    """Etsy no longer accepts the stored tokens: revoked, expired, or a new password. A person must connect."""

    def __init__(self, tried: str, came_back: str, *, status: int | None = None) -> None:
        super().__init__(tried, came_back, "Connect the shop again.", status=status, action=Action.CONNECT_ETSY)


@dataclass(frozen=True)
class TokenPair:
    """An access token, the refresh token that replaces both, and when the first one ends (aware UTC)."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime


class TokenSource(Protocol):
    """Where a client gets its access token: the store (etsy/store/accounts.py), or a test."""

    def access_token(self) -> str:
        """A token that is good for another minute, renewed beforehand where needed.

        Raises NotConnectedError when only a person can get a new one.
        """

    def refreshed(self, stale: str) -> str:
        """A token other than `stale`, which Etsy has refused: the stored one if another process has renewed it."""


@dataclass(frozen=True)
class OneToken:
    """A token that nobody renews: for the first look at a shop, before its tokens are stored."""

    token: str = field(repr=False)

    def access_token(self) -> str:
        """The token."""
        return self.token

    def refreshed(self, stale: str) -> str:
        """Raises NotConnectedError."""
        raise NotConnectedError("Calling Etsy with a token that is used for the first time", "Etsy refuses it")
