"""What is owed to whom."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base


class MessageState(StrEnum):
    """Where a message stands.

    OWED waits for `next_attempt_at`; SENDING is claimed until `claimed_until` and is owed again
    after it; SENT, FAILED, EXPIRED and DROPPED are ends (a dropped one had nobody to go to).
    """

    OWED = "owed"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"
    DROPPED = "dropped"


class Message(Base):
    """One mail owed to one person: a template and the facts to fill it, never a rendered secret."""

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_due", "state", "next_attempt_at", "attempts", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    template: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(254))
    # Empty for a reset that was asked for: whose address it is, is looked up on delivery.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(20), default=MessageState.OWED)
    created_at: Mapped[datetime] = mapped_column(index=True)
    # The moment its link expires; it is not sent after it.
    expires_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]
    # Waits because of the server or its settings, not because of anything in this message.
    held: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(default=0)
    last_attempt_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
    # Of the last attempt: the provider it went through, and what went wrong where. The stage is one
    # of mail.conversation.Stage, or of outbox.claims.Hold where no server was asked.
    provider: Mapped[str] = mapped_column(String(100), default="")
    last_stage: Mapped[str] = mapped_column(String(20), default="")
    last_error: Mapped[str] = mapped_column(Text, default="")
