"""When a sign-in's password was typed last; administrators found without looking at everybody."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("sign_ins", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    # Signing in was the last time that the password was typed.
    op.execute("UPDATE sign_ins SET confirmed_at = created_at")
    with op.batch_alter_table("sign_ins") as table:
        table.alter_column("confirmed_at", existing_type=sa.DateTime(timezone=True), nullable=False)
    op.create_index(op.f("ix_users_role"), "users", ["role"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_users_role"), table_name="users")
    op.drop_column("sign_ins", "confirmed_at")
