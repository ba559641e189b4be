"""What was put to use of each mail server. The settings in use are the first revision."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# What a revision keeps of a mail server, besides JSON.
VALUES = (
    "provider", "mail_from", "host", "port", "security", "tls_minimum", "timeout", "proxy_type", "proxy_host",
    "proxy_port", "proxy_username", "authentication", "username", "client_id", "tenant_id", "authorize_url",
    "token_url", "device_authorization_url", "scopes", "limit_per_minute", "limit_per_day", "limit_connections",
)  # fmt: skip
JSON = ("provider_fields", "sealed_secrets")
PRIMARY = 0


def upgrade() -> None:
    """Add them."""
    op.add_column("mail_servers", sa.Column("goes_back", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("mail_servers", sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
    revisions = op.create_table(
        "mail_server_revisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mail_server_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(254), nullable=False),
        sa.Column("restored_from", sa.Integer(), nullable=True),
        sa.Column("changed", sa.JSON(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("provider_fields", sa.JSON(), nullable=False),
        sa.Column("sealed_secrets", sa.JSON(), nullable=False),
        sa.Column("grant", sa.JSON(), nullable=False),
        sa.Column("sealed_tokens", sa.JSON(), nullable=False),
        sa.Column("worked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure_stage", sa.String(20), nullable=False),
        sa.Column("failure_code", sa.String(60), nullable=False),
        sa.Column("failure_params", sa.JSON(), nullable=False),
        sa.Column("failure_reply", sa.Text(), nullable=False),
        sa.Column("way_back", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["mail_server_id"],
            ["mail_servers.id"],
            name="fk_mail_server_revisions_mail_server_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_mail_server_revisions"),
        sa.UniqueConstraint("mail_server_id", "number", name="uq_mail_server_revisions_mail_server_id_number"),
    )
    connection = op.get_bind()
    servers = sa.table("mail_servers", *_columns())
    in_use = connection.execute(sa.select(servers).where(servers.c.position == PRIMARY)).mappings().all()
    if in_use:
        op.bulk_insert(revisions, [_revision(server) for server in in_use])
        op.execute(servers.update().where(servers.c.position == PRIMARY).values(revision=1))


def downgrade() -> None:
    """Remove them."""
    op.drop_table("mail_server_revisions")
    for name in ("revision", "goes_back"):
        op.drop_column("mail_servers", name)


def _columns() -> list[sa.ColumnClause[Any]]:
    return [
        *(sa.column(name, sa.Integer()) for name in ("id", "position", "revision")),
        *(sa.column(name) for name in ("updated_by", *VALUES)),
        *(sa.column(name, sa.JSON()) for name in JSON),
        sa.column("updated_at", sa.DateTime(timezone=True)),
        sa.column("secret_expires_on", sa.Date()),
    ]


def _revision(server: Any) -> dict[str, Any]:
    expires_on = server["secret_expires_on"]
    return {
        "mail_server_id": server["id"],
        "number": 1,
        "created_at": server["updated_at"],
        "created_by": server["updated_by"],
        "changed": [],
        "values": {
            **{name: server[name] for name in VALUES},
            "secret_expires_on": expires_on.isoformat() if expires_on else None,
        },
        **{name: server[name] for name in JSON},
        "grant": {},
        "sealed_tokens": {},
        "failures": 0,
        "failure_stage": "",
        "failure_code": "",
        "failure_params": {},
        "failure_reply": "",
    }
