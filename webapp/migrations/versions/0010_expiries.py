"""What ends when, the warnings about it that were told, and the webhook that hears of them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOMENTS = ("certificate_since", "certificate_expires_at", "certificate_seen_at")


def upgrade() -> None:
    """Apply."""
    op.add_column("mail_servers", sa.Column("secret_expires_on", sa.Date(), nullable=True))
    for name in MOMENTS:
        op.add_column("mail_servers", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("grants", sa.Column("refresh_end_moves", sa.Boolean(), nullable=True))
    _create_warnings()
    _create_webhook()


def downgrade() -> None:
    """Take back."""
    for name in ("webhook_deliveries", "webhook_settings", "told_warnings"):
        op.drop_table(name)
    op.drop_column("grants", "refresh_end_moves")
    for name in (*MOMENTS, "secret_expires_on"):
        op.drop_column("mail_servers", name)


def _create_warnings() -> None:
    op.create_table(
        "told_warnings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mail_server_id", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(length=30), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["mail_server_id"], ["mail_servers.id"], name=op.f("fk_told_warnings_mail_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_told_warnings")),
        sa.UniqueConstraint("mail_server_id", "what", name=op.f("uq_told_warnings_mail_server_id_what")),
    )


def _create_webhook() -> None:
    op.create_table(
        "webhook_settings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sealed_url", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("sealed_former_secret", sa.Text(), nullable=False),
        sa.Column("secret_made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_settings")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(length=40), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("event_id", name=op.f("uq_webhook_deliveries_event_id")),
    )
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["state", "next_attempt_at"], unique=False)
