"""Knows who may use the console: users and passwords, logged-in browsers, one-time links, and tokens of programs.

Secrets are random and kept as SHA-256; passwords as Argon2. Failed logins are counted in the store, so that several
processes share the count.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import sqlalchemy as sa
from itsdangerous import BadSignature, Signer
from pwdlib import PasswordHash
from sqlalchemy.orm import Session

from awin_medusa_pipeline.console.store.models import (
    ConsoleKey,
    ConsoleLink,
    ConsoleSession,
    ConsoleToken,
    ConsoleUser,
    EtsyConsent,
    FailedLogin,
    Scope,
)
from awin_medusa_pipeline.core.errors import Action, PermanentError
from awin_medusa_pipeline.core.store.database import Database, insert_new

__all__ = ["Access", "ConsoleToken", "LoginError", "Opened", "Scope", "Visitor"]

SESSION_KEPT = timedelta(days=14)
LINK_KEPT = timedelta(hours=1)
CONSENT_KEPT = timedelta(minutes=15)
FAILURES_KEPT = timedelta(minutes=15)
MOST_PER_ACCOUNT, MOST_PER_ADDRESS = 10, 30
"""Logins that may fail within FAILURES_KEPT; more wait until the oldest is over."""
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200
TOKEN_PREFIX = "am_"
USED_AGAIN = timedelta(minutes=1)
"""How exactly the last use of a token is kept: a program may call many times a second."""


class LoginError(PermanentError):
    """Name and password do not fit, or too many have failed; `wait`: seconds until the next try counts."""

    def __init__(self, came_back: str, to_do: str, *, wait: int = 0) -> None:
        super().__init__("Logging in", came_back, to_do, action=Action.MAKE_CONSOLE_LINK)
        self.wait = wait


@dataclass(frozen=True)
class Visitor:
    """Who sends a request: a person at a browser, or a program with a token."""

    name: str
    scope: Scope
    csrf: str = ""
    """Token that forms of this browser must carry; empty for a program."""

    @property
    def is_program(self) -> bool:
        """Whether it came with a token."""
        return not self.csrf

    def owns(self, csrf: str) -> bool:
        """Whether a form with this token was made for this browser."""
        return bool(self.csrf) and secrets.compare_digest(self.csrf.encode(), csrf.encode())


@dataclass(frozen=True)
class Opened:
    """A new session: the cookie of the browser, and whose it is."""

    cookie: str
    user: str


class Access:
    """Reads and writes users, sessions, links and tokens. Times are aware UTC."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._now = database, now
        self._passwords = PasswordHash.recommended()

    def users(self) -> list[ConsoleUser]:
        """All users, by name."""
        with self._database.reading() as session:
            return list(session.scalars(sa.select(ConsoleUser).order_by(ConsoleUser.name)))

    def set_user(self, name: str, password: str | None) -> None:
        """Make a user, or change the password and log that user out everywhere.

        Without a password one can only come by link. Raises PermanentError for a weak password or a name of no use.
        """
        name = _name(name)
        hashed = self._passwords.hash(_strong(password)) if password is not None else None
        with self._database.writing() as session:
            self._set_user(session, name, hashed)

    def remove_user(self, name: str) -> bool:
        """Remove a user with all sessions; whether there was one."""
        with self._database.writing() as session:
            found = session.scalar(sa.delete(ConsoleUser).where(ConsoleUser.name == name).returning(ConsoleUser.id))
            return found is not None

    def log_in(self, name: str, password: str, address: str) -> Opened:
        """Log a user in. Raises LoginError; an unknown name takes as long as a wrong password."""
        name = name.strip()
        attempt = self._begin_attempt(name, address)
        with self._database.reading() as session:
            user = session.scalar(sa.select(ConsoleUser).where(ConsoleUser.name == name))
        known = user.password_hash if user and user.password_hash else self._hash_of_nobody
        if not (self._passwords.verify(password[:LONGEST_PASSWORD], known) and user and user.password_hash):
            raise LoginError("name and password do not fit", "Try again, or make a link on the machine itself.")
        # Before the transaction: the first call writes the key in one of its own.
        signer = self._signer
        with self._database.writing() as session:
            session.execute(sa.delete(FailedLogin).where(FailedLogin.id == attempt))
            return self._open(session, user, address, signer)

    def make_link(self, user_name: str | None) -> str:
        """Make the secret of a link that works once: for a user, or, without a name, to make the first one."""
        secret = secrets.token_urlsafe(32)
        with self._database.writing() as session:
            session.execute(sa.delete(ConsoleLink).where(ConsoleLink.expires_at < self._now()))
            link = ConsoleLink(hash=_hash(secret), user_name=user_name, expires_at=self._now() + LINK_KEPT)
            session.add(link)
        return secret

    def link(self, secret: str) -> ConsoleLink | None:
        """The link with this secret; None when it was used, is over, or was never made."""
        with self._database.reading() as session:
            link = session.get(ConsoleLink, _hash(secret))
        return link if link is not None and link.expires_at > self._now() else None

    def open_link(self, secret: str, address: str, *, name: str = "", password: str = "") -> Opened:
        """Use a link up and log in. `name` and `password`: of the first user, where it is for that one.

        Raises LoginError for a link that no longer works, PermanentError for a weak password.
        """
        hashed = self._passwords.hash(_strong(password)) if password else None
        signer = self._signer
        with self._database.writing() as session:
            used = sa.delete(ConsoleLink).where(ConsoleLink.hash == _hash(secret), ConsoleLink.expires_at > self._now())
            link = session.scalar(used.returning(ConsoleLink).execution_options(synchronize_session=False))
            if link is None:
                raise LoginError(
                    "this link was used already, or its hour is over", "Make a new one on the machine itself."
                )
            if link.user_name is None:
                if session.scalar(sa.select(sa.func.count()).select_from(ConsoleUser)):
                    raise LoginError("there is a user already", "Log in by name and password.")
                if hashed is None:
                    raise PermanentError("Making the first user", "the password is blank", "Choose one.")
                user = self._set_user(session, _name(name), hashed)
            else:
                found = session.scalar(sa.select(ConsoleUser).where(ConsoleUser.name == link.user_name))
                user = found or self._set_user(session, link.user_name, None)
            return self._open(session, user, address, signer)

    def visitor_of_cookie(self, cookie: str) -> Visitor | None:
        """Who a cookie belongs to; None when it is not ours, over, or logged out."""
        try:
            secret = self._signer.unsign(cookie).decode()
        except BadSignature:
            return None
        query = (
            sa.select(ConsoleUser.name, ConsoleSession.csrf)
            .join(ConsoleUser, ConsoleUser.id == ConsoleSession.user_id)
            .where(ConsoleSession.id_hash == _hash(secret), ConsoleSession.expires_at > self._now())
        )
        with self._database.reading() as session:
            found = session.execute(query).first()
        return Visitor(found[0], Scope.DECIDE, found[1]) if found else None

    def log_out(self, cookie: str) -> None:
        """End the session of a cookie."""
        try:
            secret = self._signer.unsign(cookie).decode()
        except BadSignature:
            return
        with self._database.writing() as session:
            session.execute(sa.delete(ConsoleSession).where(ConsoleSession.id_hash == _hash(secret)))

    def make_token(self, name: str, scope: Scope, by: str) -> str:
        """Make a token for a program; it is shown once and kept as a hash."""
        text = TOKEN_PREFIX + secrets.token_urlsafe(32)
        token = ConsoleToken(name=_name(name), hash=_hash(text), scope=scope, made_by=by, created_at=self._now())
        with self._database.writing() as session:
            session.add(token)
        return text

    def tokens(self) -> list[ConsoleToken]:
        """All tokens, newest first, the revoked ones too."""
        with self._database.reading() as session:
            return list(session.scalars(sa.select(ConsoleToken).order_by(ConsoleToken.id.desc())))

    def revoke_token(self, token_id: int) -> bool:
        """Revoke a token; whether it worked until now."""
        revoke = (
            sa.update(ConsoleToken)
            .where(ConsoleToken.id == token_id, ConsoleToken.revoked_at.is_(None))
            .values(revoked_at=self._now())
            .returning(ConsoleToken.id)
        )
        with self._database.writing() as session:
            return session.scalar(revoke) is not None

    def visitor_of_token(self, text: str) -> Visitor | None:
        """Which program a token belongs to; None when it is unknown or revoked."""
        query = sa.select(ConsoleToken).where(ConsoleToken.hash == _hash(text), ConsoleToken.revoked_at.is_(None))
        with self._database.reading() as session:
            token = session.scalar(query)
        if token is None:
            return None
        if token.last_used_at is None or token.last_used_at < self._now() - USED_AGAIN:
            used = sa.update(ConsoleToken).where(ConsoleToken.id == token.id).values(last_used_at=self._now())
            with self._database.writing() as session:
                session.execute(used)
        return Visitor(f"token {token.name}", token.scope)

    def keep_consent(self, state: str, verifier: str, by: str) -> None:
        """Keep a consent that Etsy was asked for: the state of its answer, and the encrypted PKCE verifier."""
        consent = EtsyConsent(
            state_hash=_hash(state), verifier=verifier, asked_by=by, expires_at=self._now() + CONSENT_KEPT
        )
        with self._database.writing() as session:
            session.execute(sa.delete(EtsyConsent).where(EtsyConsent.expires_at < self._now()))
            session.add(consent)

    def take_consent(self, state: str) -> EtsyConsent | None:
        """Take the consent with this state, so that its answer works once; None when there is none."""
        taken = sa.delete(EtsyConsent).where(
            EtsyConsent.state_hash == _hash(state), EtsyConsent.expires_at > self._now()
        )
        with self._database.writing() as session:
            return session.scalar(taken.returning(EtsyConsent).execution_options(synchronize_session=False))

    def _begin_attempt(self, account: str, address: str) -> int:
        """Count this login as failed before it is judged, so that many at once cannot pass the limit."""
        now = self._now()
        attempt = FailedLogin(account=account[:200], address=address, at=now)
        self._make_key()
        with self._database.writing() as session:
            # One after the other, also in PostgreSQL, where a transaction does not see what another has not committed.
            session.get_one(ConsoleKey, 1, with_for_update=True)
            session.execute(sa.delete(FailedLogin).where(FailedLogin.at < now - FAILURES_KEPT))
            session.add(attempt)
            session.flush()
            recent = FailedLogin.at > now - FAILURES_KEPT
            for column, value, most in (
                (FailedLogin.account, attempt.account, MOST_PER_ACCOUNT),
                (FailedLogin.address, address, MOST_PER_ADDRESS),
            ):
                times = session.scalars(
                    sa.select(FailedLogin.at)
                    .where(recent, column == value)
                    .order_by(FailedLogin.at.desc())
                    .limit(most + 1)
                ).all()
                if len(times) > most:
                    # The refused one is not kept, or hammering would lock an account for ever.
                    session.delete(attempt)
                    wait = int((times[most] + FAILURES_KEPT - now).total_seconds()) + 1
                    break
            else:
                return attempt.id
        raise LoginError(
            "too many logins have failed",
            f"Wait {wait // 60 + 1} minutes, or make a link on the machine itself.",
            wait=wait,
        )

    def _set_user(self, session: Session, name: str, password_hash: str | None) -> ConsoleUser:
        insert_new(session, ConsoleUser, {"name": name, "password_hash": password_hash, "created_at": self._now()})
        user = session.scalars(sa.select(ConsoleUser).where(ConsoleUser.name == name)).one()
        user.password_hash = password_hash
        session.execute(sa.delete(ConsoleSession).where(ConsoleSession.user_id == user.id))
        return user

    def _open(self, session: Session, user: ConsoleUser, address: str, signer: Signer) -> Opened:
        secret = secrets.token_urlsafe(32)
        now = self._now()
        session.execute(sa.delete(ConsoleSession).where(ConsoleSession.expires_at < now))
        session.add(
            ConsoleSession(
                id_hash=_hash(secret),
                user_id=user.id,
                csrf=secrets.token_urlsafe(32),
                address=address,
                created_at=now,
                expires_at=now + SESSION_KEPT,
            )
        )
        return Opened(signer.sign(secret).decode(), user.name)

    def _make_key(self) -> str:
        """Return the key that signs cookies, made at the first call."""
        with self._database.writing() as session:
            insert_new(session, ConsoleKey, {"id": 1, "key": secrets.token_urlsafe(48)})
            return session.get_one(ConsoleKey, 1).key

    @cached_property
    def _signer(self) -> Signer:
        return Signer(self._make_key(), salt="session", digest_method=hashlib.sha256)

    @cached_property
    def _hash_of_nobody(self) -> str:
        return self._passwords.hash(secrets.token_urlsafe(16))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not 1 <= len(cleaned) <= 60 or not cleaned.isprintable():
        raise PermanentError("Choosing a name", "it is blank, too long, or not plain text", "Take 1 to 60 letters.")
    return cleaned


def _strong(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise PermanentError(
            "Choosing a password",
            f"it has {len(password)} characters",
            f"Take {SHORTEST_PASSWORD} to {LONGEST_PASSWORD}.",
        )
    return password
