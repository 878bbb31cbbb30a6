"""Keeps home and state store together: both hold the id of the installation that they belong to.

A store that belongs to another home holds another shop's log, plans and Etsy tokens, and nothing else would show it.
"""

import json
import uuid
from datetime import datetime

from sqlalchemy.orm import Mapped, Session, mapped_column
from upath import UPath

from awin_medusa_pipeline.core.disk import of_disk
from awin_medusa_pipeline.core.errors import StoreError
from awin_medusa_pipeline.core.files import home_path, is_object_store, replacing
from awin_medusa_pipeline.core.store.base import Base
from awin_medusa_pipeline.core.store.database import Database, database_time, insert_new

__all__ = ["FILE", "Installation", "check_installation"]

FILE = "installation.json"
"""In the home."""
_ONE = 1


class Installation(Base):
    """The one row that names the installation."""

    __tablename__ = "sync_installation"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Always 1."""
    id: Mapped[str]
    shop: Mapped[str]
    """Address of the shop at that time, for people."""
    begun_at: Mapped[datetime]


def check_installation(database: Database, home: str, shop: str) -> None:
    """Compare the ids in home and store; a side that has none yet takes the other's. Raises StoreError.

    So a home may be moved or emptied, and a store replaced by an empty one; what both have been used before stays as it
    is. `shop`: its address, to name a new store by.
    """
    file = home_path(home) / FILE
    in_home = _read(file)

    def take(session: Session) -> Installation:
        row = session.get(Installation, _ONE)
        if row is None:
            values = {"number": _ONE, "id": in_home or uuid.uuid4().hex, "shop": shop}
            insert_new(session, Installation, values | {"begun_at": database_time(session)})
            row = session.get_one(Installation, _ONE)
        return row

    row = database.read(lambda session: session.get(Installation, _ONE)) or database.write(take)
    if in_home is None:
        _write(file, row)
    elif in_home != row.id:
        of_whom = f" (begun {row.begun_at:%Y-%m-%d}{f' with the shop {row.shop}' if row.shop else ''})"
        raise StoreError(
            f"Opening the state store {database.name}",
            f"it belongs to another installation{of_whom} than the home {home_path(home)}",
            "Name the store of this shop in AWIN_MEDUSA_DATABASE_URL, or its home in AWIN_MEDUSA_HOME. If you want to "
            f"use them together from now on, remove {FILE} from the home.",
        )


def _read(file: UPath) -> str | None:
    """The id in a home; None where there is none."""
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["id"])
    except FileNotFoundError:
        return None
    except Exception as error:
        _tell(error, file)
        return None


def _write(file: UPath, row: Installation) -> None:
    text = json.dumps({"id": row.id, "shop": row.shop, "begun_at": row.begun_at.isoformat()}, indent=2)
    try:
        with replacing(file) as part:
            part.write_text(f"{text}\n", encoding="utf-8")
    except Exception as error:
        _tell(error, file)


def _tell(error: Exception, file: UPath) -> None:
    """Raise what keeps every process from using the home; a disk that is full for now is told of by what needs it."""
    if is_object_store(file) and (told := of_disk(error)):
        raise told from None
    if not isinstance(error, OSError | ValueError | KeyError | TypeError):
        raise error
