"""Audit entries. Triggers refuse to change them, and to delete them before the retention period is over."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String
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
    # Who acted: empty for a visitor who is not signed in, for an application (its name is in `data`), and for Mailroom
    # itself.
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
