"""Test emails with a link that says that they arrived."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "round_trips",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("recipient", sa.String(254), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notices", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_round_trips"),
        sa.UniqueConstraint("secret_hash", name="uq_round_trips_secret_hash"),
    )
    op.create_index("ix_round_trips_created_at", "round_trips", ["created_at"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("round_trips")
