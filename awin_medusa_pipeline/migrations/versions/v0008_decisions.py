"""What a person decided about rows of held plans."""

import sqlalchemy as sa
from alembic import op

from awin_medusa_pipeline.core.store.base import SafeText, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sync_decisions",
        sa.Column("shop", SafeText(), nullable=False),
        sa.Column("kind", SafeText(), nullable=False),
        sa.Column("key", SafeText(), nullable=False),
        sa.Column("mark", SafeText(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("plan_hash", SafeText(), nullable=False),
        sa.Column("decided_by", SafeText(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("shop", "kind", "key", name=op.f("pk_sync_decisions")),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("sync_decisions")
