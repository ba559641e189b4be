"""How often the own password was typed wrong in a sign-in."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    # With a default SQLite need not write the table anew, which could give a sign-in's id twice.
    op.add_column("sign_ins", sa.Column("wrong_passwords", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Take back."""
    op.drop_column("sign_ins", "wrong_passwords")
