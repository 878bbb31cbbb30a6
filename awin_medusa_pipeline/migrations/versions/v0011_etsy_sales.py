"""Sales on Etsy, how far they were read, and what the consent of an Etsy shop covers."""

import sqlalchemy as sa
from alembic import op

from awin_medusa_pipeline.core.store.base import SafeText, UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables and the column."""
    op.add_column("etsy_account", sa.Column("scopes", SafeText(), nullable=True))
    op.create_table(
        "etsy_sale",
        sa.Column("account_id", INTEGER, nullable=False),
        sa.Column("transaction_id", INTEGER, nullable=False),
        sa.Column("receipt_id", INTEGER, nullable=False),
        sa.Column("listing_id", INTEGER, nullable=True),
        sa.Column("title", SafeText(), nullable=False),
        sa.Column("variant", SafeText(), nullable=False),
        sa.Column("pieces", INTEGER, nullable=False),
        sa.Column("sold_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("product_id", SafeText(), nullable=True),
        sa.Column("variant_id", SafeText(), nullable=True),
        sa.Column("taken", INTEGER, nullable=False),
        sa.Column("levels", sa.JSON(), nullable=False),
        sa.Column("partly_refunded", sa.Boolean(), nullable=False),
        sa.Column("reason", SafeText(), nullable=True),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("run_id", SafeText(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["etsy_account.id"], name=op.f("fk_etsy_sale_account_id")),
        sa.PrimaryKeyConstraint("account_id", "transaction_id", name=op.f("pk_etsy_sale")),
    )
    for column in ("receipt_id", "product_id", "sold_at"):
        op.create_index(f"ix_etsy_sale_account_id_{column}", "etsy_sale", ["account_id", column], unique=False)
    op.create_table(
        "etsy_sales_cursor",
        sa.Column("account_id", INTEGER, nullable=False),
        sa.Column("begins_at", UtcDateTime(), nullable=False),
        sa.Column("seen_until", UtcDateTime(), nullable=False),
        sa.Column("imported_at", UtcDateTime(), nullable=True),
        sa.Column("looked_back_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["etsy_account.id"], name=op.f("fk_etsy_sales_cursor_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_etsy_sales_cursor")),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("etsy_sales_cursor")
    op.drop_table("etsy_sale")
    op.drop_column("etsy_account", "scopes")
