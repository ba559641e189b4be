"""Audit entries. Rows are only ever added: the database itself refuses to change or delete them."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import DDL, BigInteger, Index, Integer, String, Table, event
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base

# Columns that entries are filtered by: see audit.service.
FILTERED = ("event", "actor_id", "actor_email", "subject_id", "subject_email", "ip_address")


class AuditEntry(Base):
    """One event. It names users by id and address instead of referring to them, because accounts come and go."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_happened_at", "happened_at", "id"),
        *(Index(f"ix_audit_entries_{column}", column, "happened_at", "id") for column in FILTERED),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    happened_at: Mapped[datetime]
    event: Mapped[str] = mapped_column(String(60))
    # Who acted: empty for a visitor who is not signed in, and for Mailroom itself.
    actor_id: Mapped[int | None]
    actor_email: Mapped[str] = mapped_column(String(254), default="")
    # Whose account was affected, if any.
    subject_id: Mapped[int | None]
    subject_email: Mapped[str] = mapped_column(String(254), default="")
    # Where the request came from, and what the browser calls itself.
    ip_address: Mapped[str] = mapped_column(String(64), default="")
    user_agent: Mapped[str] = mapped_column(String(300), default="")
    # Details such as the names of changed fields; never a secret.
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


# A statement that would change the trail fails, also one by hand. SQLite's REPLACE deletes the row it
# replaces without firing a DELETE trigger, hence the third trigger there.
REFUSE_CHANGES = {
    "sqlite": (
        "CREATE TRIGGER audit_entries_no_update BEFORE UPDATE ON audit_entries"
        " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
        "CREATE TRIGGER audit_entries_no_delete BEFORE DELETE ON audit_entries"
        " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
        "CREATE TRIGGER audit_entries_no_replace BEFORE INSERT ON audit_entries"
        " WHEN EXISTS (SELECT 1 FROM audit_entries WHERE id = NEW.id)"
        " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION refuse_to_change_the_trail() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$",
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_trail()",
    ),
}
for dialect, statements in REFUSE_CHANGES.items():
    for statement in statements:
        event.listen(cast(Table, AuditEntry.__table__), "after_create", DDL(statement).execute_if(dialect=dialect))
