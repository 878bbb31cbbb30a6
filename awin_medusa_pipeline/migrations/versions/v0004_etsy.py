"""Creates the Etsy accounts, jobs with their products, and links."""

import sqlalchemy as sa
from alembic import op

from awin_medusa_pipeline.core.store.base import SafeText, UtcDateTime

revision = "0004"
down_revision = "0003"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "etsy_account",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("shop_id", NUMBER, nullable=False),
        sa.Column("shop_name", SafeText(), nullable=False),
        sa.Column("currency", SafeText(), nullable=False),
        sa.Column("access_token", SafeText(), nullable=True),
        sa.Column("refresh_token", SafeText(), nullable=True),
        sa.Column("token_expires_at", UtcDateTime(), nullable=True),
        sa.Column("token_generation", NUMBER, nullable=False),
        sa.Column("api_config", sa.JSON(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("connected_at", UtcDateTime(), nullable=False),
        sa.Column("reconnect_reason", SafeText(), nullable=True),
        sa.Column("renewing_by", SafeText(), nullable=True),
        sa.Column("renewing_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_etsy_account")),
        sa.UniqueConstraint("shop_id", name=op.f("uq_etsy_account_shop_id")),
    )

    op.create_table(
        "etsy_sync_job",
        sa.Column("transaction_id", SafeText(), nullable=False),
        sa.Column("account_id", NUMBER, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("total_products", NUMBER, nullable=False),
        sa.Column("synced_count", NUMBER, nullable=False),
        sa.Column("failed_count", NUMBER, nullable=False),
        sa.Column("error_log", sa.JSON(), nullable=False),
        sa.Column("attempt", NUMBER, nullable=False),
        sa.Column("run_id", SafeText(), nullable=True),
        sa.Column("requested_by", SafeText(), nullable=False),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_by", SafeText(), nullable=True),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("transaction_id", name=op.f("pk_etsy_sync_job")),
        sa.ForeignKeyConstraint(["account_id"], ["etsy_account.id"], name=op.f("fk_etsy_sync_job_account_id")),
    )
    op.create_index(op.f("ix_etsy_sync_job_status"), "etsy_sync_job", ["status"])
    op.create_index(op.f("ix_etsy_sync_job_requested_at"), "etsy_sync_job", ["requested_at"])

    op.create_table(
        "etsy_job_product",
        sa.Column("transaction_id", SafeText(), nullable=False),
        sa.Column("product_id", SafeText(), nullable=False),
        sa.Column("position", NUMBER, nullable=False),
        sa.Column("title", SafeText(), nullable=False),
        sa.Column("action", SafeText(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("error", SafeText(), nullable=True),
        sa.Column("attempt", NUMBER, nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("transaction_id", "product_id", name=op.f("pk_etsy_job_product")),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["etsy_sync_job.transaction_id"],
            name=op.f("fk_etsy_job_product_transaction_id"),
            ondelete="CASCADE",
        ),
    )

    op.create_table(
        "product_etsy_link",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("product_id", SafeText(), nullable=False),
        sa.Column("account_id", NUMBER, nullable=False),
        sa.Column("etsy_listing_id", NUMBER, nullable=True),
        sa.Column("etsy_url", SafeText(), nullable=True),
        sa.Column("sync_status", sa.String(16), nullable=False),
        sa.Column("last_synced_at", UtcDateTime(), nullable=True),
        sa.Column("sync_error", SafeText(), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("transaction_id", SafeText(), nullable=True),
        sa.Column("status_before", sa.String(16), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_etsy_link")),
        sa.ForeignKeyConstraint(["account_id"], ["etsy_account.id"], name=op.f("fk_product_etsy_link_account_id")),
        sa.UniqueConstraint("product_id", "account_id", name=op.f("uq_product_etsy_link_product_id_account_id")),
        sa.UniqueConstraint(
            "account_id", "etsy_listing_id", name=op.f("uq_product_etsy_link_account_id_etsy_listing_id")
        ),
    )
    op.create_index(op.f("ix_product_etsy_link_transaction_id"), "product_etsy_link", ["transaction_id"])
    op.create_index("ix_product_etsy_link_account_id_sync_status", "product_etsy_link", ["account_id", "sync_status"])


def downgrade() -> None:
    """Remove the tables."""
    for table in ("product_etsy_link", "etsy_job_product", "etsy_sync_job", "etsy_account"):
        op.drop_table(table)
