"""Several mail servers: each has a name, a place or none while it is a draft, and what it is used for."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

# Position -1 was the draft of changes to the server in use, at position 0.
OLD_DRAFT, IN_USE = -1, 0
# The id of a server is in URLs and attempts, so that of a deleted one is never used again.
KEEPS_IDS = {"sqlite_autoincrement": True}
LABELS = {"custom": "Custom", "google": "Google", "office365": "Office 365", "sendgrid": "SendGrid"}
SERVERS = sa.table(
    "mail_servers",
    sa.column("id", sa.Integer()),
    sa.column("position", sa.Integer()),
    sa.column("provider", sa.String()),
    sa.column("name", sa.String()),
    sa.column("replaces_id", sa.Integer()),
)
DECLARED = sa.table("declared_settings", sa.column("section", sa.String()), sa.column("name", sa.String()))


def upgrade() -> None:
    """Add them, and name the servers that there are."""
    with op.batch_alter_table("mail_servers", table_kwargs=KEEPS_IDS) as table:
        table.alter_column("position", existing_type=sa.Integer(), nullable=True)
        table.add_column(sa.Column("name", sa.String(60), server_default="", nullable=False))
        table.add_column(sa.Column("replaces_id", sa.Integer(), nullable=True))
        table.add_column(sa.Column("for_domains", sa.JSON(), server_default="[]", nullable=False))
        table.add_column(sa.Column("for_applications", sa.JSON(), server_default="[]", nullable=False))
        table.create_foreign_key(
            "fk_mail_servers_replaces_id", "mail_servers", ["replaces_id"], ["id"], ondelete="SET NULL"
        )
        table.create_unique_constraint("uq_mail_servers_replaces_id", ["replaces_id"])
    for row in op.get_bind().execute(sa.select(SERVERS)).mappings().all():
        op.execute(sa.update(SERVERS).where(SERVERS.c.id == row["id"]).values(_place(row)))
    in_use = sa.select(SERVERS.c.name).where(SERVERS.c.position == IN_USE).scalar_subquery()
    declared = sa.update(DECLARED).where(DECLARED.c.section == "mail_servers")
    op.execute(declared.values(name=sa.func.coalesce(in_use, "")))
    with op.batch_alter_table("mail_servers", table_kwargs=KEEPS_IDS) as table:
        for name in ("name", "for_domains", "for_applications"):
            table.alter_column(name, existing_type=sa.JSON(), server_default=None)
        table.create_unique_constraint("uq_mail_servers_name", ["name"])
        # Recreating the table puts this default in parentheses otherwise.
        table.alter_column("mechanism", existing_type=sa.String(20), server_default="")


def downgrade() -> None:
    """Keep the server in use and the draft of changes to it, which is all that there was."""
    in_use = sa.select(SERVERS.c.id).where(SERVERS.c.position == IN_USE).scalar_subquery()
    draft = sa.and_(SERVERS.c.position.is_(None), SERVERS.c.replaces_id == in_use)
    op.execute(sa.delete(SERVERS).where(sa.func.coalesce(SERVERS.c.position, 1) != IN_USE, sa.not_(draft)))
    op.execute(sa.update(SERVERS).where(SERVERS.c.position.is_(None)).values(position=OLD_DRAFT))
    op.execute(sa.update(DECLARED).where(DECLARED.c.section == "mail_servers").values(name=""))
    with op.batch_alter_table("mail_servers") as table:
        table.drop_constraint("uq_mail_servers_name", type_="unique")
        table.drop_constraint("uq_mail_servers_replaces_id", type_="unique")
        table.drop_constraint("fk_mail_servers_replaces_id", type_="foreignkey")
        for name in ("name", "replaces_id", "for_domains", "for_applications"):
            table.drop_column(name)
        table.alter_column("position", existing_type=sa.Integer(), nullable=False)


def _place(row: Any) -> dict[str, Any]:
    """Return the name of a server; of the draft, also that it has no place, and what it replaces."""
    if row["position"] != OLD_DRAFT:
        return {"name": LABELS.get(row["provider"], row["provider"])[:60]}
    in_use = sa.select(SERVERS.c.id).where(SERVERS.c.position == IN_USE).scalar_subquery()
    return {
        "name": f"{LABELS.get(row['provider'], row['provider'])[:50]} (draft)",
        "position": None,
        "replaces_id": in_use,
    }
