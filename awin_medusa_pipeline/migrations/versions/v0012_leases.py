"""Says of a lease's holder what no wall clock knows: boot, PID namespace, and signs of life that cannot be repeated."""

import sqlalchemy as sa
from alembic import op

from awin_medusa_pipeline.core.store.base import SafeText

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new; a lease may be one of a run itself now."""
    with op.batch_alter_table("sync_leases") as table:
        table.alter_column("shop", new_column_name="name")
        table.add_column(sa.Column("nonce", SafeText(), nullable=True))
        table.add_column(sa.Column("boot", SafeText(), nullable=True))
        table.add_column(sa.Column("namespace", SafeText(), nullable=True))
        table.add_column(sa.Column("beat", sa.Double(), nullable=True))


def downgrade() -> None:
    """Remove it."""
    op.execute("DELETE FROM sync_leases WHERE name LIKE 'run %'")
    with op.batch_alter_table("sync_leases") as table:
        table.drop_column("beat")
        table.drop_column("namespace")
        table.drop_column("boot")
        table.drop_column("nonce")
        table.alter_column("name", new_column_name="shop")
