"""Bulk jobs, what happened to each of their entries, and the file that some read."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core.database import Base


class JobState(StrEnum):
    """The state of a bulk job. A DRAFT is being prepared on its page; a STOPPED one ended early, see its `reason`."""

    DRAFT = "draft"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"


class BulkJob(Base):
    """Work on many users. Each chunk of it is one transaction that also moves `position`, so none is done twice."""

    __tablename__ = "bulk_jobs"
    __table_args__ = (Index("ix_bulk_jobs_state", "state", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(20), default=JobState.DRAFT)
    # What its kind needs to know; never a secret.
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    # The administrator, who may be gone by now; empty for a draft and on the command line.
    started_by: Mapped[int | None]
    started_by_email: Mapped[str] = mapped_column(String(254), default="")
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    # How many entries there are, and how many are done.
    total: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    # Where its kind reads on.
    position: Mapped[int] = mapped_column(default=0)
    # How many entries had each outcome.
    outcomes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    # Why it was stopped: a key of `labels.REASONS`.
    reason: Mapped[str] = mapped_column(String(40), default="")
    # When the last chunk was done. Empty while nobody works on it.
    moved_at: Mapped[datetime | None]
    # Chunks that failed in a row.
    failures: Mapped[int] = mapped_column(default=0)

    @property
    def is_waiting(self) -> bool:
        """Whether no worker has begun with it."""
        return self.is_running and self.moved_at is None and self.done == 0

    @property
    def is_running(self) -> bool:
        """Whether there is more to do."""
        return self.state == JobState.RUNNING


class BulkJobItem(Base):
    """What happened to one entry."""

    __tablename__ = "bulk_job_items"
    # To find an address among the entries that are done.
    __table_args__ = (Index("ix_bulk_job_items_email_key", "job_id", "email_key"),)

    job_id: Mapped[int] = mapped_column(ForeignKey("bulk_jobs.id", ondelete="CASCADE"), primary_key=True)
    # Unique within the job: the line of a file, or the id of a user.
    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    outcome: Mapped[str] = mapped_column(String(20))
    email: Mapped[str] = mapped_column(String(254), default="")
    email_key: Mapped[str] = mapped_column(String(254), default="")
    name: Mapped[str] = mapped_column(String(200), default="")
    # What is wrong with it, as its kind stores that; empty if nothing is. JSON escapes what PostgreSQL can't store in
    # a text.
    problem: Mapped[dict[str, Any]] = mapped_column(default=dict)


class BulkJobData(Base):
    """A part of the file that a job reads. It is deleted when the job ends."""

    __tablename__ = "bulk_job_data"

    job_id: Mapped[int] = mapped_column(ForeignKey("bulk_jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)
