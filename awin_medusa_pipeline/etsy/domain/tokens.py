"""Defines the tokens of a connected Etsy shop, where a client gets them, and the error when a person must reconnect."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from awin_medusa_pipeline.core.errors import Action, PermanentError


class NotConnectedError(PermanentError):
    """Etsy no longer accepts the stored tokens: revoked, expired, or a new password. A person must connect."""

    def __init__(self, tried: str, came_back: str, *, status: int | None = None) -> None:
        super().__init__(tried, came_back, "Connect the shop again.", status=status, action=Action.CONNECT_ETSY)


class MissingScopeError(NotConnectedError):
    """The owner's consent does not cover a call."""


@dataclass(frozen=True)
class TokenPair:
    """An access token, the refresh token that gets a new pair, and when the access token expires (aware UTC)."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime


class TokenSource(Protocol):
    """Gives a client its access token: the store (etsy/store/accounts.py), or a test."""

    def access_token(self) -> str:
        """Return a token that is valid for at least another minute, renewing it first if needed.

        Raises NotConnectedError when only a person can get a new one.
        """

    def refreshed(self, stale: str) -> str:
        """Return a token other than `stale`, which Etsy refused: the stored one if another process has renewed it."""


@dataclass(frozen=True)
class OneToken:
    """A token that is never renewed, for the first look at a shop before its tokens are stored."""

    token: str = field(repr=False)

    def access_token(self) -> str:
        """Return the token."""
        return self.token

    def refreshed(self, stale: str) -> str:
        """Raise NotConnectedError."""
        raise NotConnectedError("Calling Etsy with a token that is used for the first time", "Etsy refuses it")
