"""Creates the values last written into fields that a person may edit too."""

import sqlalchemy as sa
from alembic import op

from awin_medusa_pipeline.core.store.base import SafeText

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sync_written_values",
        sa.Column("shop", SafeText(), nullable=False),
        sa.Column("key", SafeText(), nullable=False),
        sa.Column("field", SafeText(), nullable=False),
        sa.Column("value", SafeText(), nullable=False),
        sa.Column("source", SafeText(), nullable=True),
        sa.Column("run_id", SafeText(), nullable=False),
        sa.PrimaryKeyConstraint("shop", "key", "field", name=op.f("pk_sync_written_values")),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("sync_written_values")
