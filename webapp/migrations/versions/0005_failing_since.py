"""Since when a message has had its present trouble, and an index to find the messages to an address."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both, and say of messages that failed before when that may have been."""
    op.add_column("messages", sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        "UPDATE messages SET failing_since = created_at, failed_at = coalesce(last_attempt_at, created_at) "
        "WHERE failure_stage <> ''"
    )
    op.create_index("ix_messages_recipient", "messages", ["recipient"])


def downgrade() -> None:
    """Remove both."""
    op.drop_index("ix_messages_recipient", "messages")
    op.drop_column("messages", "failing_since")
