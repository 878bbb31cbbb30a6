"""Creates the held plans, and adds the numbers per merchant that guards compare feeds with."""

import sqlalchemy as sa
from alembic import op

from awin_medusa_pipeline.core.store.base import SafeText, UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table and the column."""
    op.create_table(
        "sync_held_plans",
        sa.Column("hash", SafeText(), nullable=False),
        sa.Column("shop", SafeText(), nullable=False),
        sa.Column("kind", SafeText(), nullable=False),
        sa.Column("run_id", SafeText(), nullable=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", SafeText(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("applied_by_run", SafeText(), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sync_held_plans")),
    )
    op.add_column("sync_feeds", sa.Column("merchants", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("sync_feeds", "merchants")
    op.drop_table("sync_held_plans")
