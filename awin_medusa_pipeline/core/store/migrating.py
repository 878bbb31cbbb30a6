"""Brings the tables of a state store to the newest version."""

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from awin_medusa_pipeline.core.errors import StoreError
from awin_medusa_pipeline.core.store.database import MIGRATIONS, newest_version, version_of


def upgrade(connection: sa.Connection, name: str) -> None:
    """Create or migrate the tables, in the transaction of the connection. `name`: the store, for people.

    Raises StoreError for tables of a newer release.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    current = version_of(connection)
    if current is not None and current not in known:
        raise StoreError(
            f"Opening the state store {name}",
            f"a newer release of this program has written it (version {current}, this release knows up to "
            f"{newest_version()})",
            "Install that release again, or name another store in AWIN_MEDUSA_DATABASE_URL.",
        )
    command.upgrade(config, "head")
