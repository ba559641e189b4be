"""The audit trail and the security settings; languages, codes, remembered sign-ins, known devices, former passwords."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

REFUSED = "the audit trail is append-only"
# An id that was given once is not given again: pages and forms that are open hold it.
NEVER_AGAIN = ("users", "sign_ins")
SETTINGS = (
    "password_length",
    "password_upper",
    "password_lower",
    "password_digits",
    "password_special",
    "password_days",
    "password_former",
    "activation_minutes",
    "reset_minutes",
    "idle_minutes",
    "sign_in_minutes",
    "remembered_minutes",
    "lock_after",
    "lock_minutes",
)


def upgrade() -> None:
    """Apply."""
    op.add_column("users", sa.Column("language", sa.String(length=8), nullable=True))
    op.add_column("links", sa.Column("code_hash", sa.String(length=200), nullable=True))
    op.create_index(op.f("ix_links_code_hash"), "links", ["code_hash"], unique=False)
    op.add_column("sign_ins", sa.Column("remembered", sa.Boolean(), nullable=True))
    op.execute(sa.table("sign_ins", sa.column("remembered", sa.Boolean())).update().values(remembered=False))
    with op.batch_alter_table("sign_ins") as table:
        table.alter_column("remembered", existing_type=sa.Boolean(), nullable=False)
    _create_trail()
    _create_tables()
    if op.get_bind().dialect.name == "sqlite":
        for table_name in NEVER_AGAIN:
            with op.batch_alter_table(table_name, recreate="always", table_kwargs={"sqlite_autoincrement": True}):
                pass


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER append_only ON audit_entries")
        op.execute("DROP FUNCTION refuse_to_change_the_trail()")
    for table_name in ("security_settings", "former_passwords", "known_devices", "audit_entries"):
        op.drop_table(table_name)
    op.drop_column("sign_ins", "remembered")
    op.drop_index(op.f("ix_links_code_hash"), table_name="links")
    op.drop_column("links", "code_hash")
    op.drop_column("users", "language")


def _create_trail() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("by_email", sa.String(length=254), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("person_email", sa.String(length=254), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=300), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_entries_happened_at"), "audit_entries", ["happened_at"], unique=False)
    for column in ("event", "by_email", "person_email"):
        op.create_index(f"ix_audit_entries_{column}", "audit_entries", [column, "id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_entries_no_{change.lower()} BEFORE {change} ON audit_entries"
                f" BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
            )
        # REPLACE deletes the row that it takes the place of, and no trigger hears of that.
        op.execute(
            "CREATE TRIGGER audit_entries_no_replace BEFORE INSERT ON audit_entries"
            " WHEN EXISTS (SELECT 1 FROM audit_entries WHERE id = NEW.id)"
            " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
        )
    else:
        op.execute(
            "CREATE FUNCTION refuse_to_change_the_trail() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{REFUSED}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_trail()"
        )


def _create_tables() -> None:
    op.create_table(
        "known_devices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_known_devices_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_devices")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_known_devices_token_hash")),
    )
    op.create_index(op.f("ix_known_devices_user_id"), "known_devices", ["user_id"], unique=False)
    op.create_index(op.f("ix_known_devices_last_seen_at"), "known_devices", ["last_seen_at"], unique=False)
    op.create_table(
        "former_passwords",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_former_passwords_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_passwords")),
    )
    op.create_index(op.f("ix_former_passwords_user_id"), "former_passwords", ["user_id"], unique=False)
    op.create_table(
        "security_settings",
        sa.Column("id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in SETTINGS),
        sa.Column("password_common", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_settings")),
    )
