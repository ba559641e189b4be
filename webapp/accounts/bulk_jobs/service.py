"""Bulk jobs: prepared, started, stopped, listed, and deleted after a while."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webapp.accounts import audit_events
from webapp.accounts.bulk_jobs.models import BulkJob, BulkJobData, BulkJobItem, JobState
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.actor import current_actor
from webapp.core.database import MAX_ID, Database
from webapp.core.errors import MailroomError, NotFound
from webapp.core.queue import run_after_commit

# The name of the task that carries jobs out.
CARRY_OUT = "carry out bulk jobs"
# How long the report of a job, and a draft that nobody started, are kept.
RETENTION = timedelta(days=30)
DRAFT_RETENTION = timedelta(days=1)
MAX_LISTED = 20
ITEMS_IN_MEMORY = 1000


class NotDraft(MailroomError):
    """The job has been started already."""

    def __init__(self) -> None:
        super().__init__(_("This has already been started."))


def create(session: Session, kind: str, options: dict[str, Any]) -> BulkJob:
    """Create a draft; it has its id."""
    job = BulkJob(kind=kind, options=options, created_at=clock.now(), outcomes={})
    session.add(job)
    session.flush()
    return job


def start(session: Session, job_id: int, total: int, options: dict[str, Any]) -> BulkJob:
    """Have a draft of `total` entries carried out with these options, in the name of the one who acts now.

    Raises NotFound, NotDraft.
    """
    actor = current_actor()
    job = get(session, job_id, lock=True)
    if job.state != JobState.DRAFT:
        raise NotDraft
    job.state, job.total, job.options = JobState.RUNNING, total, options
    job.started_at, job.started_by, job.started_by_email = clock.now(), actor.id, actor.email
    audit.record(session, audit_events.BULK_JOB_STARTED, job=job.kind, entries=total)
    run_after_commit(session, CARRY_OUT)
    return job


def request_cancel(session: Session, job_id: int) -> None:
    """Have a running job stopped before its next chunk. Raises NotFound."""
    job = get(session, job_id, lock=True)
    if job.is_running:
        job.cancel_requested = True


def discard(session: Session, job_id: int) -> None:
    """Delete a draft. Raises NotFound, NotDraft."""
    job = get(session, job_id, lock=True)
    if job.state != JobState.DRAFT:
        raise NotDraft
    session.delete(job)


def end(session: Session, job: BulkJob, state: JobState, reason: str = "") -> None:
    """End a locked job, and delete the file that it read."""
    job.state, job.reason, job.finished_at, job.moved_at = state, reason, clock.now(), None
    session.execute(delete(BulkJobData).where(BulkJobData.job_id == job.id))
    event = audit_events.BULK_JOB_FINISHED if state == JobState.FINISHED else audit_events.BULK_JOB_STOPPED
    audit.record(session, event, job=job.kind, entries=job.done)


def get(session: Session, job_id: int, lock: bool = False) -> BulkJob:
    """Return the job with this id; `lock` reads it anew and locks it. Raises NotFound."""
    if not 0 < job_id <= MAX_ID:
        raise NotFound
    job = session.get(BulkJob, job_id, populate_existing=lock, with_for_update=lock or None)
    if job is None:
        raise NotFound
    return job


def list_recent(session: Session, kind: str) -> list[BulkJob]:
    """Return the newest jobs of a kind that were started."""
    started = select(BulkJob).where(BulkJob.state != JobState.DRAFT, BulkJob.kind == kind)
    return list(session.scalars(started.order_by(BulkJob.id.desc()).limit(MAX_LISTED)))


def with_outcome(session: Session, job_id: int, outcome: str, limit: int) -> list[BulkJobItem]:
    """Return the first items with this outcome."""
    wanted = select(BulkJobItem).where(BulkJobItem.job_id == job_id, BulkJobItem.outcome == outcome)
    return list(session.scalars(wanted.order_by(BulkJobItem.number).limit(limit)))


def items(database: Database, job_id: int, outcome: str) -> Iterator[list[BulkJobItem]]:
    """Yield all items with this outcome in chunks, with no transaction open between them."""
    last = -1
    while True:
        wanted = select(BulkJobItem).where(BulkJobItem.job_id == job_id, BulkJobItem.outcome == outcome)
        with database.read() as session:
            wanted = wanted.where(BulkJobItem.number > last).order_by(BulkJobItem.number).limit(ITEMS_IN_MEMORY)
            found = list(session.scalars(wanted))
        yield found
        if len(found) < ITEMS_IN_MEMORY:
            return
        last = found[-1].number


def add_data(session: Session, job_id: int, number: int, data: bytes) -> None:
    """Keep a part of the file that the job reads; parts are numbered from 0."""
    session.add(BulkJobData(job_id=job_id, number=number, data=data))


def data_of(database: Database, job_id: int) -> Iterator[bytes]:
    """Yield the parts of the file, with no transaction open between them."""
    number = 0
    while True:
        with database.read_columns() as connection:
            part = connection.scalar(
                select(BulkJobData.data).where(BulkJobData.job_id == job_id, BulkJobData.number == number)
            )
        if part is None:
            return
        yield part
        number += 1


def save_options(session: Session, job_id: int, options: dict[str, Any]) -> None:
    """Keep the options of a draft. Raises NotDraft."""
    draft = update(BulkJob).where(BulkJob.id == job_id, BulkJob.state == JobState.DRAFT)
    if session.execute(draft.values(options=options).returning(BulkJob.id)).first() is None:
        raise NotDraft


def delete_old(session: Session, now: datetime) -> None:
    """Delete jobs that ended long ago, and drafts that nobody started."""
    session.execute(delete(BulkJob).where(BulkJob.finished_at <= now - RETENTION))
    abandoned = BulkJob.created_at <= now - DRAFT_RETENTION
    session.execute(delete(BulkJob).where(BulkJob.state == JobState.DRAFT, abandoned))
