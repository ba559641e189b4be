"""Attempts as rows, claims that name their worker, counts of what was delivered, and limits of mail servers."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.add_column("messages", sa.Column("bulk", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("messages", sa.Column("claimed_by", sa.String(60), nullable=True))
    for name in ("limit_per_minute", "limit_per_day", "limit_connections"):
        op.add_column("mail_servers", sa.Column(name, sa.Integer(), nullable=True))
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("mail_server_id", sa.Integer(), nullable=True),
        sa.Column("provider", sa.String(100), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("result", sa.String(20), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("header_id", sa.String(320), nullable=False),
        sa.Column("transcript", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name="fk_attempts_message_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
    )
    op.create_index("ix_attempts_message_id", "attempts", ["message_id"])
    op.create_index("ix_attempts_mail_server_id_started_at", "attempts", ["mail_server_id", "started_at"])
    op.create_table(
        "counts",
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("measure", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(40), nullable=False),
        sa.Column("detail", sa.String(40), nullable=False),
        sa.Column("total", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("hour", "measure", "subject", "detail", name="pk_counts"),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("counts")
    op.drop_table("attempts")
    for name in ("limit_per_minute", "limit_per_day", "limit_connections"):
        op.drop_column("mail_servers", name)
    op.drop_column("messages", "claimed_by")
    op.drop_column("messages", "bulk")
