"""What the settings file declares, and whether it could be applied."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "declared_settings",
        sa.Column("section", sa.String(30), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("field", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("section", "name", "field", name="pk_declared_settings"),
    )
    op.create_table(
        "settings_file",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_settings_file"),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("settings_file")
    op.drop_table("declared_settings")
