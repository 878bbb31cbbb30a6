"""Runs migrations on the connection that core/store/database.py hands over; there is no alembic.ini.

To add a version, put a file with the next number into versions/. A test checks that all versions together equal
sync/store/models.py and etsy/store/models.py.
"""

from alembic import context

from awin_medusa_pipeline.core.store.base import Base
from awin_medusa_pipeline.core.store.database import VERSION_TABLE
from awin_medusa_pipeline.etsy.store import models  # noqa: F401 (its tables belong to Base.metadata too)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    # SQLite cannot alter a column; alembic then copies the table.
    render_as_batch=True,
)
context.run_migrations()
