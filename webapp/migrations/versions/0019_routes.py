"""By which address family a mail server is reached, and with which mechanism it is signed in to."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

USUAL = {"address_family": "any", "mechanism": ""}


def upgrade() -> None:
    """Add them, to the revisions as well."""
    op.add_column("mail_servers", sa.Column("address_family", sa.String(10), nullable=False, server_default="any"))
    op.add_column("mail_servers", sa.Column("mechanism", sa.String(20), nullable=False, server_default=""))
    _change_revisions(lambda values: {**USUAL, **values})


def downgrade() -> None:
    """Remove them."""
    _change_revisions(lambda values: {name: value for name, value in values.items() if name not in USUAL})
    for name in USUAL:
        op.drop_column("mail_servers", name)


def _change_revisions(change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    revisions = sa.table("mail_server_revisions", sa.column("id", sa.Integer()), sa.column("values", sa.JSON()))
    connection = op.get_bind()
    for number, values in connection.execute(sa.select(revisions.c.id, revisions.c["values"])).all():
        op.execute(revisions.update().where(revisions.c.id == number).values(values=change(values)))
