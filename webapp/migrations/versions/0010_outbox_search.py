"""Columns and indexes to search the outbox by address and kind, and which message was sent again for which."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Of the address in lower case: where its domain begins.
DOMAINS = {"sqlite": "substr({0}, instr({0}, '@') + 1)", "postgresql": "split_part({0}, '@', 2)"}

# Each gets an index with the id.
COLUMNS = ("kind", "user_id", "recipient_key", "recipient_domain")


def upgrade() -> None:
    """Add them, and fill them in for the messages that there are."""
    dialect = op.get_bind().dialect.name
    text = sa.String(254, collation="C" if dialect == "postgresql" else None)
    for name in ("recipient_key", "recipient_domain"):
        op.add_column("messages", sa.Column(name, text, nullable=False, server_default=""))
    for name in ("resend_of", "resent_as"):
        op.add_column("messages", sa.Column(name, sa.Integer(), nullable=True))
    domain = DOMAINS[dialect].format("lower(recipient)")
    op.execute(f"UPDATE messages SET recipient_key = lower(recipient), recipient_domain = {domain}")  # noqa: S608 -- no input
    for column in ("recipient", "user_id"):
        op.drop_index(f"ix_messages_{column}", "messages")
    for column in COLUMNS:
        op.create_index(f"ix_messages_{column}", "messages", [column, "id"])


def downgrade() -> None:
    """Remove them."""
    for column in COLUMNS:
        op.drop_index(f"ix_messages_{column}", "messages")
    for column in ("recipient", "user_id"):
        op.create_index(f"ix_messages_{column}", "messages", [column])
    for name in ("resent_as", "resend_of", "recipient_domain", "recipient_key"):
        op.drop_column("messages", name)
