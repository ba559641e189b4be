"""Who gets email: everyone, some domains, or nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("general_settings", sa.Column("send_to", sa.String(10), nullable=False, server_default="everyone"))
    op.add_column("general_settings", sa.Column("send_to_domains", sa.String(2000), nullable=False, server_default=""))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("general_settings", "send_to_domains")
    op.drop_column("general_settings", "send_to")
