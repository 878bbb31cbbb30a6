"""What of a feed is filled and was not understood."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NEW = ("unread", "unread_stock")


def upgrade() -> None:
    """Make the columns."""
    for name in NEW:
        op.add_column("sync_feeds", sa.Column(name, sa.JSON(), nullable=True))


def downgrade() -> None:
    """Remove them."""
    for name in NEW:
        op.drop_column("sync_feeds", name)
