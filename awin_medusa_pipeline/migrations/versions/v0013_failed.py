"""Finds the failed operations of a kind without reading the whole log: every run asks for some of them."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

FAILED_ROWS = sa.text("status = 'failed'")


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        "ix_sync_operations_failed",
        "sync_operations",
        ["kind", "finished_at"],
        sqlite_where=FAILED_ROWS,
        postgresql_where=FAILED_ROWS,
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_index("ix_sync_operations_failed", "sync_operations")
