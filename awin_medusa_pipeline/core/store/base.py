"""Defines the base of all tables of the state store: column types and key names, for SQLite and PostgreSQL alike.

Table names begin with `sync_`, `etsy_` or `console_`, since Dagster's own tables (`runs`, `alembic_version`) may share
the PostgreSQL database.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An aware UTC time; SQLite has no time zones, so the zone is restored on reading."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Convert to UTC. Raises ValueError for a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; the state store keeps aware UTC times only")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Make the time aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SafeText(sa.TypeDecorator[str]):
    """Text that both databases accept: PostgreSQL refuses NUL, UTF-8 lone surrogates, and feeds contain both."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Replace each impossible character by a replacement character."""
        if value is None or (value.isascii() and "\x00" not in value):
            return value
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


SHORTEST_ID = 4
"""Letters of its id that a run, a plan or a job must be named with at least."""


def enum_text(kind: type[StrEnum]) -> sa.Enum:
    """An enum as text without a constraint: a new member then needs no migration."""
    return sa.Enum(kind, native_enum=False, length=16, values_callable=lambda e: [member.value for member in e])


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime,
        str: SafeText,
        int: sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        Any: sa.JSON(none_as_null=True),
    }
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
