"""Mail servers in trouble, and the domain of the sender of handed-in emails, by which a server may be chosen."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "server_troubles",
        sa.Column("mail_server_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mail_server_id"], ["mail_servers.id"], name="fk_server_troubles_mail_server_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mail_server_id", name="pk_server_troubles"),
    )
    op.add_column("messages", sa.Column("sender_domain", sa.String(254), server_default="", nullable=False))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("messages", "sender_domain")
    op.drop_table("server_troubles")
