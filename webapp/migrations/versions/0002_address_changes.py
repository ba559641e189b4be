"""Addresses that wait for their confirmation, and links that are for an address."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "address_changes",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_address_changes_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_address_changes")),
    )
    op.create_index(op.f("ix_address_changes_expires_at"), "address_changes", ["expires_at"], unique=False)
    op.add_column("links", sa.Column("address", sa.String(length=254), nullable=True))


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("links") as links:
        links.drop_column("address")
    op.drop_index(op.f("ix_address_changes_expires_at"), table_name="address_changes")
    op.drop_table("address_changes")
