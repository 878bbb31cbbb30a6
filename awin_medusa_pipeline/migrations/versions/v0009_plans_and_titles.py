"""Keeps the rows of held plans as Parquet, and the title of the product with every operation."""

import sqlalchemy as sa
from alembic import op

from awin_medusa_pipeline.core.store.base import SafeText

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change both tables. Plans that wait are removed: the next sync holds the same rows again."""
    op.execute("DELETE FROM sync_held_plans")
    with op.batch_alter_table("sync_held_plans") as plans:
        plans.drop_column("rows")
        plans.add_column(sa.Column("proposed", sa.Boolean(), nullable=False))
        plans.add_column(sa.Column("row_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False))
        plans.add_column(sa.Column("table", sa.LargeBinary(), nullable=False))
    op.add_column("sync_operations", sa.Column("title", SafeText(), nullable=True))


def downgrade() -> None:
    """Change them back."""
    op.drop_column("sync_operations", "title")
    op.execute("DELETE FROM sync_held_plans")
    with op.batch_alter_table("sync_held_plans") as plans:
        plans.drop_column("table")
        plans.drop_column("row_count")
        plans.drop_column("proposed")
        plans.add_column(sa.Column("rows", sa.JSON(), nullable=False))
