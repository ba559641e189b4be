"""Indexes that list and count messages of a state without sorting all of them, instead of two that no query needs."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace them."""
    op.create_index("ix_messages_state", "messages", ["state", "id"])
    op.create_index("ix_messages_finished", "messages", ["state", "finished_at"])
    op.drop_index("ix_messages_finished_at", "messages")
    op.drop_index("ix_messages_created_at", "messages")


def downgrade() -> None:
    """Put the former ones back."""
    op.create_index("ix_messages_created_at", "messages", ["created_at"])
    op.create_index("ix_messages_finished_at", "messages", ["finished_at"])
    op.drop_index("ix_messages_finished", "messages")
    op.drop_index("ix_messages_state", "messages")
