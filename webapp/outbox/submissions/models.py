"""The tables of handed-in emails and their contents."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base
from webapp.core.sealing import SEALED


class Submission(Base):
    """One email that an application handed in. Each recipient has a row of `outbox.models.Message`."""

    __tablename__ = "submissions"
    __table_args__ = (
        # To list what an application sent, and to delete what is old.
        Index("ix_submissions_application_id", "application_id", "id"),
        Index("ix_submissions_created_at", "created_at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    # What applications call it: `msg_…`.
    public_id: Mapped[str] = mapped_column(String(40), unique=True)
    application_id: Mapped[int | None] = mapped_column(ForeignKey("applications.id", ondelete="SET NULL"))
    # The sender of the envelope; it may be empty (RFC 5321, 4.5.5).
    sender: Mapped[str] = mapped_column(String(320))
    # The Message-ID header, and the subject as it is read.
    header_id: Mapped[str] = mapped_column(String(320))
    subject: Mapped[str] = mapped_column(Text, default="")
    size: Mapped[int]
    # Whether a header holds characters that only SMTPUTF8 (RFC 6531) can carry.
    needs_utf8: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class SubmissionContent(Base):
    """The content of a handed-in email, until nobody needs it any more: a table of its own, because it may be large."""

    __tablename__ = "submission_contents"

    submission_id: Mapped[int] = mapped_column(
        ForeignKey("submissions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # The bytes as DATA carries them, before dot-stuffing, each as one character.
    sealed_content: Mapped[str] = mapped_column(Text, info=SEALED)
