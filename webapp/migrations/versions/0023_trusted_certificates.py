"""Certificates that are trusted for one mail server, and one that is shown to it."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TRUST = ("trusted_certificates", "pinned_certificate")


def upgrade() -> None:
    """Add them: nothing is trusted but what the machine trusts."""
    for name in TRUST:
        op.add_column("mail_servers", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("mail_servers", sa.Column("client_certificate_expires_at", sa.DateTime(timezone=True)))
    _in_revisions(lambda values: values | dict.fromkeys(TRUST, ""))


def downgrade() -> None:
    """Remove them."""
    _in_revisions(lambda values: {name: value for name, value in values.items() if name not in TRUST})
    for name in (*TRUST, "client_certificate_expires_at"):
        op.drop_column("mail_servers", name)


def _in_revisions(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change what revisions keep of a mail server; there are 50 of each at most."""
    connection = op.get_bind()
    revisions = sa.table("mail_server_revisions", sa.column("id", sa.Integer()), sa.column("values", sa.JSON()))
    for row in connection.execute(sa.select(revisions)).all():
        changed = revisions.update().where(revisions.c.id == row[0]).values({"values": change(row[1])})
        connection.execute(changed)
