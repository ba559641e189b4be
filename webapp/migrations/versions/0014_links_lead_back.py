"""Where an application wants people led back to after a link."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("links", sa.Column("return_to", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("links", "return_to")
