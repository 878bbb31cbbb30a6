"""Creates the operation log, feed history and outbox."""

import sqlalchemy as sa
from alembic import op

from awin_medusa_pipeline.core.store.base import SafeText, UtcDateTime

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sync_runs",
        sa.Column("run_id", SafeText(), nullable=False),
        sa.Column("shop", SafeText(), nullable=False),
        sa.Column("job", SafeText(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_sync_runs")),
    )
    op.create_index(op.f("ix_sync_runs_started_at"), "sync_runs", ["started_at"])

    op.create_table(
        "sync_operations",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("run_id", SafeText(), nullable=False),
        sa.Column("kind", SafeText(), nullable=False),
        sa.Column("key", SafeText(), nullable=False),
        sa.Column("target_id", SafeText(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", SafeText(), nullable=True),
        sa.Column("batch", NUMBER, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_operations")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["sync_runs.run_id"], name=op.f("fk_sync_operations_run_id"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_sync_operations_key"), "sync_operations", ["key"])
    op.create_index(op.f("ix_sync_operations_target_id"), "sync_operations", ["target_id"])
    op.create_index("ix_sync_operations_run_id_kind", "sync_operations", ["run_id", "kind", "id"])
    open_rows = sa.text("status IN ('intent', 'unknown')")
    op.create_index(
        "ix_sync_operations_open",
        "sync_operations",
        ["kind"],
        sqlite_where=open_rows,
        postgresql_where=open_rows,
    )

    op.create_table(
        "sync_feeds",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("label", SafeText(), nullable=False),
        sa.Column("run_id", SafeText(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", SafeText(), nullable=True),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("sha256", SafeText(), nullable=True),
        sa.Column("bytes", NUMBER, nullable=True),
        sa.Column("etag", SafeText(), nullable=True),
        sa.Column("last_modified", SafeText(), nullable=True),
        sa.Column("rows", NUMBER, nullable=True),
        sa.Column("accepted", NUMBER, nullable=True),
        sa.Column("rejected", NUMBER, nullable=True),
        sa.Column("header_hash", SafeText(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_feeds")),
        sa.UniqueConstraint("label", "run_id", name=op.f("uq_sync_feeds_label_run_id")),
    )
    op.create_index("ix_sync_feeds_label_state", "sync_feeds", ["label", "state", "id"])

    op.create_table(
        "sync_outbox",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("dedupe_key", SafeText(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("attempts", NUMBER, nullable=False),
        sa.Column("last_error", SafeText(), nullable=True),
        sa.Column("claimed_by", SafeText(), nullable=True),
        sa.Column("claimed_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_outbox")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_sync_outbox_dedupe_key")),
    )


def downgrade() -> None:
    """Remove the tables."""
    for table in ("sync_outbox", "sync_feeds", "sync_operations", "sync_runs"):
        op.drop_table(table)
