"""Defines the tables of the console: its users, sessions, links, tokens and failed logins."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from awin_medusa_pipeline.core.store.base import Base, enum_text


class Scope(StrEnum):
    """What an API token may do."""

    READ = "read"
    DECIDE = "decide"
    """Also request, confirm, approve, reject and undo."""


class ConsoleUser(Base):
    """A person who may log in."""

    __tablename__ = "console_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    """Argon2; null for a user who comes by link alone."""
    created_at: Mapped[datetime]


class ConsoleSession(Base):
    """One browser that is logged in."""

    __tablename__ = "console_session"

    id_hash: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of the id in the cookie."""
    user_id: Mapped[int] = mapped_column(sa.ForeignKey(ConsoleUser.id, ondelete="CASCADE"))
    csrf: Mapped[str]
    address: Mapped[str | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class ConsoleLink(Base):
    """A link that opens the console once: for the first user, or for one who is named."""

    __tablename__ = "console_link"

    hash: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of the secret in the link."""
    user_name: Mapped[str | None]
    """Whom it logs in, without a password; null: the person who opens it makes the first user."""
    expires_at: Mapped[datetime]


class ConsoleToken(Base):
    """A key for programs."""

    __tablename__ = "console_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    """SHA-256 of the token."""
    scope: Mapped[Scope] = mapped_column(enum_text(Scope))
    made_by: Mapped[str]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class FailedLogin(Base):
    """One login that failed."""

    __tablename__ = "console_failed_login"

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)


class EtsyConsent(Base):
    """A consent that Etsy was asked for and has not answered yet."""

    __tablename__ = "console_etsy_consent"

    state_hash: Mapped[str] = mapped_column(primary_key=True)
    verifier: Mapped[str]
    """Encrypted with AWIN_MEDUSA_SECRET_KEY."""
    asked_by: Mapped[str]
    expires_at: Mapped[datetime]


class ConsoleKey(Base):
    """The key that signs cookies; one row, made at the first start."""

    __tablename__ = "console_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
