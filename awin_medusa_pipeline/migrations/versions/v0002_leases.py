"""Creates the leases of shops."""

import sqlalchemy as sa
from alembic import op

from awin_medusa_pipeline.core.store.base import SafeText, UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sync_leases",
        sa.Column("shop", SafeText(), nullable=False),
        sa.Column("token", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", SafeText(), nullable=True),
        sa.Column("job", SafeText(), nullable=True),
        sa.Column("host", SafeText(), nullable=True),
        sa.Column("process", SafeText(), nullable=True),
        sa.Column("taken_at", UtcDateTime(), nullable=True),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("shop", name=op.f("pk_sync_leases")),
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("sync_leases")
