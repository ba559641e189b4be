"""A standard name for the revision to go back to."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rename it."""
    op.execute("ALTER TABLE mail_server_revisions RENAME COLUMN way_back TO rollback_to")


def downgrade() -> None:
    """Name it as before."""
    op.execute("ALTER TABLE mail_server_revisions RENAME COLUMN rollback_to TO way_back")
