"""A retention period for the audit trail, and triggers that let older entries be deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Of the only row of the security settings: there is none until somebody saves them.
PERIOD_IS_OVER = {
    "sqlite": "SELECT 1 FROM security_settings WHERE audit_retention_days > 0 "
    "AND OLD.happened_at < datetime('now', '-' || audit_retention_days || ' days')",
    "postgresql": "SELECT 1 FROM security_settings WHERE audit_retention_days > 0 "
    "AND OLD.happened_at < now() - make_interval(days => audit_retention_days)",
}
RAISE = "RAISE EXCEPTION 'the audit trail is append-only'"
UPGRADE = {
    "sqlite": (
        "DROP TRIGGER audit_entries_no_delete",
        f"CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries WHEN NOT EXISTS "
        f"({PERIOD_IS_OVER['sqlite']}) BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    ),
    "postgresql": (
        "DROP TRIGGER append_only ON audit_entries",
        "CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION "
        "refuse_to_change_the_trail()",
        f"CREATE FUNCTION refuse_to_shorten_the_trail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT EXISTS "
        f"({PERIOD_IS_OVER['postgresql']}) THEN {RAISE}; END IF; RETURN OLD; END $$",
        "CREATE TRIGGER keep_for_the_retention_period BEFORE DELETE ON audit_entries FOR EACH ROW EXECUTE FUNCTION "
        "refuse_to_shorten_the_trail()",
    ),
}
DOWNGRADE = {
    "sqlite": (
        "DROP TRIGGER audit_entries_no_delete",
        "CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries BEGIN SELECT RAISE(ABORT, "
        "'the audit trail is append-only'); END",
    ),
    "postgresql": (
        "DROP TRIGGER keep_for_the_retention_period ON audit_entries",
        "DROP FUNCTION refuse_to_shorten_the_trail()",
        "DROP TRIGGER append_only ON audit_entries",
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries FOR EACH STATEMENT EXECUTE "
        "FUNCTION refuse_to_change_the_trail()",
    ),
}


def upgrade() -> None:
    """Add the period; entries are kept forever, as before."""
    period = sa.Column("audit_retention_days", sa.Integer(), server_default=sa.text("0"), nullable=False)
    with op.batch_alter_table("security_settings") as table:
        table.add_column(period)
    _execute(UPGRADE)


def downgrade() -> None:
    """Keep all entries, whatever the period."""
    _execute(DOWNGRADE)
    with op.batch_alter_table("security_settings") as table:
        table.drop_column("audit_retention_days")


def _execute(statements: dict[str, tuple[str, ...]]) -> None:
    for statement in statements[op.get_bind().dialect.name]:
        op.execute(statement)
