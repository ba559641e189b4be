"""What was done, as it was when it was done. Rows are added and never changed: the database itself refuses."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import DDL, BigInteger, Index, Integer, String, Table, event
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base

# Read newest first by each of these: see audit.trail.
SEARCHED = ("event", "by_id", "by_email", "person_id", "person_email", "client")


class AuditEntry(Base):
    """One thing that was done. It names people by number and address, as accounts come and go."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_happened_at", "happened_at", "id"),
        *(Index(f"ix_audit_entries_{column}", column, "happened_at", "id") for column in SEARCHED),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    happened_at: Mapped[datetime]
    event: Mapped[str] = mapped_column(String(60))
    # Who did it; both are empty for somebody who was not signed in, and for Mailroom itself.
    by_id: Mapped[int | None]
    by_email: Mapped[str] = mapped_column(String(254), default="")
    # Whose account it was done to, if anyone's.
    person_id: Mapped[int | None]
    person_email: Mapped[str] = mapped_column(String(254), default="")
    # Where the request came from, and what the browser says of itself.
    client: Mapped[str] = mapped_column(String(64), default="")
    device: Mapped[str] = mapped_column(String(300), default="")
    # What else there is to know, such as the names of changed fields; never a secret.
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)


# A statement that would change the trail fails, whoever sends it. SQLite's REPLACE deletes the row it
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
