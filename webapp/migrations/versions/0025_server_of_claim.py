"""By which mail server a message is being sent."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("messages", sa.Column("mail_server_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("messages", "mail_server_id")
