"""What was done, as it was when it was done. Rows are added and never changed: the database itself refuses."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String
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
