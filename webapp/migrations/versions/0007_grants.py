"""OAuth2: what a mail server asks its provider with, the grants gained, and sign-ins that are going on."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ADDRESSES = ("authorize_url", "token_url", "device_authorization_url", "scopes")
COLUMNS = {"client_id": 255, "tenant_id": 255, **dict.fromkeys(ADDRESSES, 1000)}


def upgrade() -> None:
    """Apply."""
    for name, length in COLUMNS.items():
        op.add_column("mail_servers", sa.Column(name, sa.String(length=length), nullable=True))
    blank = dict.fromkeys(COLUMNS, "")
    op.execute(sa.table("mail_servers", *(sa.column(name, sa.String()) for name in COLUMNS)).update().values(blank))
    with op.batch_alter_table("mail_servers") as table:
        for name, length in COLUMNS.items():
            table.alter_column(name, existing_type=sa.String(length=length), nullable=False)
    _create_grants()
    _create_requests()


def downgrade() -> None:
    """Take back."""
    op.drop_table("grant_requests")
    op.drop_table("grants")
    with op.batch_alter_table("mail_servers") as table:
        for name in COLUMNS:
            table.drop_column(name)


def _create_grants() -> None:
    op.create_table(
        "grants",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mail_server_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=320), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("sealed_refresh_token", sa.Text(), nullable=False),
        sa.Column("sealed_access_token", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_refresh_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("access_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refresh_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("last_error_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease", sa.String(length=32), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mail_server_id"], ["mail_servers.id"], name=op.f("fk_grants_mail_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        sa.UniqueConstraint("mail_server_id", name=op.f("uq_grants_mail_server_id")),
        sqlite_autoincrement=True,
    )


def _create_requests() -> None:
    op.create_table(
        "grant_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mail_server_id", sa.Integer(), nullable=False),
        sa.Column("sign_in_id", sa.Integer(), nullable=False),
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("redirect_uri", sa.String(length=1000), nullable=False),
        sa.Column("user_code", sa.String(length=40), nullable=False),
        sa.Column("verification_uri", sa.String(length=1000), nullable=False),
        sa.Column("interval", sa.Integer(), nullable=False),
        sa.Column("next_poll_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["mail_server_id"], ["mail_servers.id"], name=op.f("fk_grant_requests_mail_server_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["sign_in_id"], ["sign_ins.id"], name=op.f("fk_grant_requests_sign_in_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grant_requests")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_grant_requests_state_hash")),
    )
    for name in ("mail_server_id", "sign_in_id", "expires_at"):
        op.create_index(op.f(f"ix_grant_requests_{name}"), "grant_requests", [name], unique=False)
