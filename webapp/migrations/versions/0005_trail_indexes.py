"""The audit trail is read newest first by everything that it can be searched for."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BEFORE = ("event", "by_email", "person_email")
SEARCHED = ("event", "by_id", "by_email", "person_id", "person_email", "client")


def upgrade() -> None:
    """Apply."""
    for column in (*BEFORE, "happened_at"):
        op.drop_index(f"ix_audit_entries_{column}", "audit_entries")
    op.create_index("ix_audit_entries_happened_at", "audit_entries", ["happened_at", "id"])
    for column in SEARCHED:
        op.create_index(f"ix_audit_entries_{column}", "audit_entries", [column, "happened_at", "id"])


def downgrade() -> None:
    """Take back."""
    for column in (*SEARCHED, "happened_at"):
        op.drop_index(f"ix_audit_entries_{column}", "audit_entries")
    op.create_index("ix_audit_entries_happened_at", "audit_entries", ["happened_at"])
    for column in BEFORE:
        op.create_index(f"ix_audit_entries_{column}", "audit_entries", [column, "id"])
