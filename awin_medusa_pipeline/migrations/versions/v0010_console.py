"""Users, sessions and tokens of the console, the decisions of people, and the runs that they ask for."""

import sqlalchemy as sa
from alembic import op

from awin_medusa_pipeline.core.store.base import SafeText, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, and keep with an Etsy job what a person was shown."""
    op.add_column("etsy_job_product", sa.Column("changes", sa.JSON(), nullable=True))
    op.create_table(
        "console_etsy_consent",
        sa.Column("state_hash", SafeText(), nullable=False),
        sa.Column("verifier", SafeText(), nullable=False),
        sa.Column("asked_by", SafeText(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_console_etsy_consent")),
    )
    op.create_table(
        "console_failed_login",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("account", SafeText(), nullable=False),
        sa.Column("address", SafeText(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_failed_login")),
    )
    op.create_index(op.f("ix_console_failed_login_at"), "console_failed_login", ["at"], unique=False)
    op.create_table(
        "console_key",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("key", SafeText(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_key")),
    )
    op.create_table(
        "console_link",
        sa.Column("hash", SafeText(), nullable=False),
        sa.Column("user_name", SafeText(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_console_link")),
    )
    op.create_table(
        "console_token",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("name", SafeText(), nullable=False),
        sa.Column("hash", SafeText(), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("made_by", SafeText(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_console_token_hash")),
    )
    op.create_table(
        "console_user",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("name", SafeText(), nullable=False),
        sa.Column("password_hash", SafeText(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_user")),
        sa.UniqueConstraint("name", name=op.f("uq_console_user_name")),
    )
    op.create_table(
        "sync_audit",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("who", SafeText(), nullable=False),
        sa.Column("via", SafeText(), nullable=False),
        sa.Column("address", SafeText(), nullable=True),
        sa.Column("action", SafeText(), nullable=False),
        sa.Column("target", SafeText(), nullable=False),
        sa.Column("comment", SafeText(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_audit")),
    )
    op.create_index(op.f("ix_sync_audit_at"), "sync_audit", ["at"], unique=False)
    op.create_index(op.f("ix_sync_audit_target"), "sync_audit", ["target"], unique=False)
    op.create_table(
        "sync_run_requests",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("job", SafeText(), nullable=False),
        sa.Column("applying", sa.JSON(), nullable=True),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("ops", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("requested_by", SafeText(), nullable=False),
        sa.Column("via", SafeText(), nullable=False),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("run_id", SafeText(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_run_requests")),
    )
    op.create_table(
        "console_session",
        sa.Column("id_hash", SafeText(), nullable=False),
        sa.Column("user_id", INTEGER, nullable=False),
        sa.Column("csrf", SafeText(), nullable=False),
        sa.Column("address", SafeText(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["console_user.id"], name=op.f("fk_console_session_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_console_session")),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_column("etsy_job_product", "changes")
    op.drop_table("console_session")
    op.drop_table("sync_run_requests")
    op.drop_table("sync_audit")
    op.drop_table("console_user")
    op.drop_table("console_token")
    op.drop_table("console_link")
    op.drop_table("console_key")
    op.drop_table("console_failed_login")
    op.drop_table("console_etsy_consent")
