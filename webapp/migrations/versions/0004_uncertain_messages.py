"""Messages that may be the cause of a failure, or may have arrived, and when a message failed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("messages", sa.Column("suspect", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("messages", sa.Column("uncertain_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("messages", sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Remove them."""
    for name in ("failed_at", "uncertain_at", "suspect"):
        op.drop_column("messages", name)
