"""The table of queued messages."""

import unicodedata
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base
from webapp.core.email_addresses import with_ascii_at
from webapp.providers import Failure

# How long sending is tried for a message without a time of its own.
MAX_AGE = timedelta(days=3)
_QUEUED = text("state = 'queued'")
_OF_APPLICATIONS = {name: f"{name} IS NOT NULL" for name in ("submission_id", "application_id")}


class MessageState(StrEnum):
    """The state of a message.

    QUEUED waits for `next_attempt_at`. SENDING is claimed until `lease_expires_at` and is queued again after it. The
    others are final. CANCELLED means that it is no longer needed, or that somebody or a setting forbids it. UNCERTAIN
    means that it may have arrived, once or twice.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"


# The final states that an administrator may have to do something about.
UNDELIVERED = (MessageState.FAILED, MessageState.EXPIRED, MessageState.UNCERTAIN)
FINISHED = tuple(state for state in MessageState if state not in (MessageState.QUEUED, MessageState.SENDING))


def identity_of(message_id: int, created_at: datetime) -> str:
    """Return what no other message has ever had; ids are used again after rows were deleted."""
    return f"{message_id} {created_at.isoformat()}"


def deadline_of(created_at: datetime, expires_at: datetime | None) -> datetime:
    """Return the time after which a message isn't sent."""
    return expires_at or created_at + MAX_AGE


# Compared byte by byte, so that an index finds all that begin alike; PostgreSQL would use the order of a language.
SearchText = String(254).with_variant(String(254, collation="C"), "postgresql")


def search_key(recipient: str) -> str:
    """Return an address, or the beginning of one, in the form in which it is searched for."""
    return unicodedata.normalize("NFC", with_ascii_at(recipient.strip())).casefold()


def _recipient_key(context: Any) -> str:
    return search_key(context.get_current_parameters()["recipient"])


def _recipient_domain(context: Any) -> str:
    return _recipient_key(context).rpartition("@")[2]


class Message(Base):
    """One email to one recipient: its kind and the data for it, never a link or another secret."""

    __tablename__ = "messages"
    __table_args__ = (
        # To claim, to find what waits for the server, to list a state, and to find and delete what has been finished.
        Index(
            "ix_messages_due",
            "bulk",
            "next_attempt_at",
            "attempts",
            "id",
            sqlite_where=_QUEUED,
            postgresql_where=_QUEUED,
        ),
        Index(
            "ix_messages_waiting",
            "waits_for_server",
            "next_attempt_at",
            "id",
            sqlite_where=text("state = 'queued' AND waits_for_server = 1"),
            postgresql_where=text("state = 'queued' AND waits_for_server"),
        ),
        Index("ix_messages_state", "state", "id"),
        # To list by kind, person and address. All end in the id, which is the order of the list.
        Index("ix_messages_kind", "kind", "id"),
        Index("ix_messages_user_id", "user_id", "id"),
        Index("ix_messages_recipient_key", "recipient_key", "id"),
        Index("ix_messages_recipient_domain", "recipient_domain", "id"),
        Index("ix_messages_finished", "state", "finished_at"),
        # Most messages have neither.
        *(
            Index(f"ix_messages_{name}", name, "id", sqlite_where=text(filled), postgresql_where=text(filled))
            for name, filled in _OF_APPLICATIONS.items()
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(254))
    # For searches: the address and its domain in lower case.
    recipient_key: Mapped[str] = mapped_column(SearchText, default=_recipient_key, server_default="")
    recipient_domain: Mapped[str] = mapped_column(SearchText, default=_recipient_domain, server_default="")
    # Empty for a requested reset until the worker has looked up whose address it is.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # The email that it is one recipient's copy of, if an application handed it in, and which one that was.
    # No foreign keys: the application may have been deleted since, and nothing else ever has its id.
    submission_id: Mapped[int | None]
    application_id: Mapped[int | None]
    # The domain of its From header, as A-labels in lower case; empty where the mail server's own sender is used.
    sender_domain: Mapped[str] = mapped_column(String(254), default="", server_default="")
    state: Mapped[str] = mapped_column(String(20), default=MessageState.QUEUED)
    created_at: Mapped[datetime]
    # When the link in it expires; it isn't sent after that.
    expires_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime]
    # One of many that nobody waits for at a screen, such as invitations: the others are sent first.
    bulk: Mapped[bool] = mapped_column(default=False, server_default=false())
    # While it is SENDING: until when, by which run of which worker, and through which server, whose limits count it.
    lease_expires_at: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(String(60))
    mail_server_id: Mapped[int | None]
    # It waits because of the server or its settings, not because of anything in this message.
    waits_for_server: Mapped[bool] = mapped_column(default=False)
    # It failed where it may be the cause itself, so it keeps a wait of its own once the server works.
    suspect: Mapped[bool] = mapped_column(default=False, server_default=false())
    # When the server got all of it and the reply was lost.
    uncertain_at: Mapped[datetime | None]
    # The message that this one was sent again for, and the one that was sent again for this. Their rows may be gone.
    resend_of: Mapped[int | None]
    resent_as: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(default=0)
    last_attempt_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    # The provider of the last attempt, and when and how it failed, as in `webapp.providers.Failure`. The stage is one
    # of mail.transcript.Stage, or of outbox.claims.LocalStage where no server was asked.
    provider: Mapped[str] = mapped_column(String(100), default="")
    failed_at: Mapped[datetime | None]
    # When the trouble began that it has now.
    failing_since: Mapped[datetime | None]
    failure_stage: Mapped[str] = mapped_column(String(20), default="")
    failure_code: Mapped[str] = mapped_column(String(60), default="")
    failure_params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    failure_reply: Mapped[str] = mapped_column(Text, default="")

    @property
    def failure(self) -> Failure | None:
        """How the last attempt failed, if it did."""
        if not self.failure_stage:
            return None
        permanent = self.state == MessageState.FAILED
        return Failure(self.failure_stage, self.failure_code, self.failure_params, self.failure_reply, permanent)

    @property
    def identity(self) -> str:
        """What no other message has ever had."""
        return identity_of(self.id, self.created_at)

    @property
    def deadline(self) -> datetime:
        """The time after which the message isn't sent."""
        return deadline_of(self.created_at, self.expires_at)


class AttemptResult(StrEnum):
    """How an attempt ended. UNCERTAIN: the server got all of it and the reply was lost."""

    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class Attempt(Base):
    """One attempt to send a message. Of a SENT one, `reply` is what the server said when it accepted it.

    Writing a SENT one is what records that the message was sent; the message itself follows, many at once.
    """

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_mail_server_id_started_at", "mail_server_id", "started_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    # As in Message.attempts when it was claimed.
    number: Mapped[int]
    # Empty where no server was asked. It may have been deleted since, so it is no foreign key.
    mail_server_id: Mapped[int | None]
    provider: Mapped[str] = mapped_column(String(100), default="")
    host: Mapped[str] = mapped_column(String(255), default="")
    started_at: Mapped[datetime]
    seconds: Mapped[float] = mapped_column(Float, default=0.0)
    result: Mapped[str] = mapped_column(String(20))
    # As in `webapp.providers.Failure`; the stage of a SENT one is empty.
    stage: Mapped[str] = mapped_column(String(20), default="")
    code: Mapped[str] = mapped_column(String(60), default="")
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    reply: Mapped[str] = mapped_column(Text, default="")
    # The Message-ID header.
    header_id: Mapped[str] = mapped_column(String(320), default="")
    # Of the last failure only, without secrets.
    transcript: Mapped[str] = mapped_column(Text, default="")

    @property
    def failure(self) -> Failure | None:
        """How it failed, if it did."""
        if self.result == AttemptResult.SENT:
            return None
        return Failure(self.stage, self.code, self.params, self.reply)


class ServerTrouble(Base):
    """A mail server that failed and has not been seen to work since; `retry_at` is when it is tried again.

    Only a server that another one can stand in for gets a row. `failures` counts its tries in a row.
    """

    __tablename__ = "server_troubles"

    mail_server_id: Mapped[int] = mapped_column(
        ForeignKey("mail_servers.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    since: Mapped[datetime]
    failures: Mapped[int] = mapped_column(default=1)
    retry_at: Mapped[datetime]
    announced_at: Mapped[datetime | None]
    # The last failure, as in `webapp.providers.Failure`.
    stage: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(60), default="")
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    reply: Mapped[str] = mapped_column(Text, default="")

    @property
    def failure(self) -> Failure:
        """How it failed last."""
        return Failure(self.stage, self.code, self.params, self.reply)

    @failure.setter
    def failure(self, failure: Failure) -> None:
        for name, value in failure.stored.items():
            setattr(self, name, value)
