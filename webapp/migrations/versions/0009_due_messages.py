"""Indexes of queued messages only, bulk ones apart, and of what waits for the server: small and cheap to keep."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the index and add the other."""
    op.drop_index("ix_messages_due", "messages")
    queued = sa.text("state = 'queued'")
    columns = ["bulk", "next_attempt_at", "attempts", "id"]
    op.create_index("ix_messages_due", "messages", columns, sqlite_where=queued, postgresql_where=queued)
    op.create_index(
        "ix_messages_waiting",
        "messages",
        ["waits_for_server", "next_attempt_at", "id"],
        sqlite_where=sa.text("state = 'queued' AND waits_for_server = 1"),
        postgresql_where=sa.text("state = 'queued' AND waits_for_server"),
    )


def downgrade() -> None:
    """Put the former index back."""
    op.drop_index("ix_messages_waiting", "messages")
    op.drop_index("ix_messages_due", "messages")
    op.create_index("ix_messages_due", "messages", ["state", "next_attempt_at", "attempts", "id"])
