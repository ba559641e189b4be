"""Applications, and the emails that they hand in."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COLUMNS = ("submission_id", "application_id")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add them."""
    with op.batch_alter_table("general_settings") as table:
        table.add_column(sa.Column("content_days", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_table(
        "applications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("identifier", sa.String(40), nullable=False),
        sa.Column("may_send", sa.Boolean(), nullable=False),
        sa.Column("may_manage_users", sa.Boolean(), nullable=False),
        sa.Column("allowed_senders", sa.JSON(), nullable=False),
        sa.Column("messages_per_hour", sa.Integer(), nullable=True),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("trusts_networks", sa.Boolean(), nullable=False),
        sa.Column("return_urls", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("disabled_at", TIME, nullable=True),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.Column("last_used_from", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_applications"),
        sa.UniqueConstraint("name", name="uq_applications_name"),
        sa.UniqueConstraint("identifier", name="uq_applications_identifier"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "application_secrets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("application_id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["applications.id"],
            name="fk_application_secrets_application_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_application_secrets"),
        sa.UniqueConstraint("secret_hash", name="uq_application_secrets_secret_hash"),
    )
    op.create_index("ix_application_secrets_application_id", "application_secrets", ["application_id"])
    _create_submissions()
    for name in COLUMNS:
        op.add_column("messages", sa.Column(name, sa.Integer(), nullable=True))
        filled = sa.text(f"{name} IS NOT NULL")
        op.create_index(f"ix_messages_{name}", "messages", [name, "id"], sqlite_where=filled, postgresql_where=filled)


def downgrade() -> None:
    """Remove them, and what applications handed in."""
    op.execute("DELETE FROM messages WHERE submission_id IS NOT NULL")
    for name in COLUMNS:
        op.drop_index(f"ix_messages_{name}", "messages")
        op.drop_column("messages", name)
    for name in ("submission_contents", "submissions", "application_secrets", "applications"):
        op.drop_table(name)
    with op.batch_alter_table("general_settings") as table:
        table.drop_column("content_days")


def _create_submissions() -> None:
    op.create_table(
        "submissions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(40), nullable=False),
        sa.Column("application_id", sa.Integer(), nullable=True),
        sa.Column("sender", sa.String(320), nullable=False),
        sa.Column("header_id", sa.String(320), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("needs_utf8", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["applications.id"], name="fk_submissions_application_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_submissions"),
        sa.UniqueConstraint("public_id", name="uq_submissions_public_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_submissions_application_id", "submissions", ["application_id", "id"])
    op.create_index("ix_submissions_created_at", "submissions", ["created_at"])
    op.create_table(
        "submission_contents",
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("sealed_content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name="fk_submission_contents_submission_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("submission_id", name="pk_submission_contents"),
    )
