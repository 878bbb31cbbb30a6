"""Creates the products that feeds lack, and adds more numbers that guards compare feeds with."""

import sqlalchemy as sa
from alembic import op

from awin_medusa_pipeline.core.store.base import SafeText

revision = "0005"
down_revision = "0004"

NEW = ("with_stock", "rejected_by")


def upgrade() -> None:
    """Make the table and the columns."""
    op.create_table(
        "sync_absences",
        sa.Column("shop", SafeText(), nullable=False),
        sa.Column("product_id", SafeText(), nullable=False),
        sa.Column("feeds", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content", SafeText(), nullable=False),
        sa.PrimaryKeyConstraint("shop", "product_id", name=op.f("pk_sync_absences")),
    )
    for name in NEW:
        op.add_column("sync_feeds", sa.Column(name, sa.JSON(), nullable=True))
    damaged = sa.Column("damaged", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
    op.add_column("sync_feeds", damaged)


def downgrade() -> None:
    """Remove them."""
    for name in (*NEW, "damaged"):
        op.drop_column("sync_feeds", name)
    op.drop_table("sync_absences")
