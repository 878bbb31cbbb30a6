"""Runs migrations on the connection that core/store/database.py hands over; there is no alembic.ini.

To add a version, put a file with the next number into versions/. A test checks that all versions together equal
the models in core/store, sync/store, etsy/store and console/store.
"""

from alembic import context

from awin_medusa_pipeline.console.store import models as console_models  # noqa: F401 (fills Base.metadata)
from awin_medusa_pipeline.core.store import audit, installation, leases, run_requests  # noqa: F401 (as well)
from awin_medusa_pipeline.core.store.base import Base
from awin_medusa_pipeline.core.store.database import VERSION_TABLE
from awin_medusa_pipeline.etsy.store import models as etsy_models  # noqa: F401 (as well)
from awin_medusa_pipeline.sync.store import models as sync_models  # noqa: F401 (as well)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    # SQLite cannot alter a column; alembic then copies the table.
    render_as_batch=True,
)
context.run_migrations()
