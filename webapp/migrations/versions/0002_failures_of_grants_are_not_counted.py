"""A grant no longer counts its failures: the worker's waits are those of the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the count."""
    op.drop_column("grants", "consecutive_failures")


def downgrade() -> None:
    """Count from zero."""
    op.add_column("grants", sa.Column("consecutive_failures", sa.Integer(), nullable=False, server_default="0"))
