"""Carry out bulk jobs: chunk by chunk, each a short transaction, by one process at a time.

No process owns a job. The one that works on it moves `position` in the transaction of each chunk, and gives up when
another one has moved it. So a job goes on after a killed worker, no entry is lost, and none is done twice.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog
from sqlalchemy import insert, or_, select
from sqlalchemy.orm import Session

from webapp.accounts.bulk_jobs import service
from webapp.accounts.bulk_jobs.kinds import BulkJobKind, Chunk, Item, get_kind
from webapp.accounts.bulk_jobs.models import BulkJob, BulkJobItem, JobState
from webapp.accounts.models import Role, User, UserState
from webapp.core import clock
from webapp.core.actor import SYSTEM, Actor, set_actor
from webapp.core.database import Database

# A job whose last chunk is older has lost its worker.
ABANDONED_AFTER = timedelta(seconds=5)
# How often a failing chunk is tried.
MAX_FAILURES = 5

Stopping = Callable[[], bool]
log = structlog.get_logger(__name__)


class Moved(Exception):  # not an error: it ends this process's part in a job
    """Somebody else works on the job, or it has ended."""


def run_due(database: Database, stopping: Stopping) -> None:
    """Carry out the jobs that nobody works on, the oldest first, until there are none or `stopping()`."""
    while not stopping() and (job := claim(database)) is not None:
        run(database, job, stopping)


def claim(database: Database, job_id: int | None = None) -> BulkJob | None:
    """Take a job that nobody works on, any or this one; None if there is none."""
    now = clock.now()
    # After a clock was set back, the last chunk may seem to be in the future.
    free = or_(
        BulkJob.moved_at.is_(None),
        BulkJob.moved_at <= now - ABANDONED_AFTER,
        BulkJob.moved_at > now + ABANDONED_AFTER,
    )
    waiting = select(BulkJob).where(BulkJob.state == JobState.RUNNING, free).order_by(BulkJob.id).limit(1)
    if job_id is not None:
        waiting = waiting.where(BulkJob.id == job_id)
    with database.read() as session:
        if session.scalar(waiting) is None:
            return None
    with database.transaction() as session:
        job = session.scalar(waiting.with_for_update(skip_locked=True))
        if job is not None:
            job.moved_at = now
        return job


def run(database: Database, job: BulkJob, stopping: Stopping, progress: Callable[[BulkJob], object] = bool) -> None:
    """Carry out a claimed job until it ends, `stopping()`, or somebody else has taken it; report each chunk."""
    set_actor(Actor(job.started_by, job.started_by_email))
    try:
        _run(database, job, stopping, progress)
    except Moved:
        log.debug("bulk job goes on in another process, or has ended", job=job.id)
    except Exception:
        log.exception("bulk job interrupted", job=job.id, position=job.position)
        _count_failure(database, job)
    finally:
        set_actor(SYSTEM)


def _run(database: Database, job: BulkJob, stopping: Stopping, progress: Callable[[BulkJob], object]) -> None:
    kind = get_kind(job.kind)
    for chunk in kind.chunks(database, job):
        with database.transaction() as session:
            job = _locked(session, job)
            if reason := _reason_to_stop(session, job):
                service.end(session, job, JobState.STOPPED, reason)
                return
            _add(session, job, kind, chunk)
        progress(job)
        if stopping():
            _hand_over(database, job)
            return
    with database.transaction() as session:
        service.end(session, _locked(session, job), JobState.FINISHED)


def _locked(session: Session, job: BulkJob) -> BulkJob:
    """Return the job as it is now, locked. Raises Moved if it isn't where we left it."""
    current = service.get(session, job.id, lock=True)
    if not current.is_running or current.position != job.position:
        raise Moved
    return current


def _add(session: Session, job: BulkJob, kind: BulkJobKind, chunk: Chunk) -> None:
    """Do a chunk, and note what happened."""
    found = kind.process(session, job, chunk)
    if found:
        session.connection().execute(insert(BulkJobItem), [{"job_id": job.id, **vars(item)} for item in found])
    job.outcomes = _counted(job.outcomes, found)
    job.position, job.done = chunk.position, job.done + len(found)
    job.moved_at, job.failures = clock.now(), 0


def _counted(outcomes: dict[str, int], found: list[Item]) -> dict[str, int]:
    counts = dict(outcomes)
    for item in found:
        counts[item.outcome] = counts.get(item.outcome, 0) + 1
    return counts


def _reason_to_stop(session: Session, job: BulkJob) -> str:
    if job.cancel_requested:
        return "cancelled"
    if job.started_by is None:
        return ""
    who = session.execute(select(User.role, User.state).where(User.id == job.started_by)).one_or_none()
    return "" if who == (Role.ADMINISTRATOR, UserState.ACTIVE) else "not_allowed"


def _hand_over(database: Database, job: BulkJob) -> None:
    """Let another worker go on at once."""
    with database.transaction() as session:
        _locked(session, job).moved_at = None


def _count_failure(database: Database, job: BulkJob) -> None:
    """Note that a chunk failed; after several failures in a row, stop the job rather than fail forever."""
    with database.transaction() as session:
        current = service.get(session, job.id, lock=True)
        current.failures += 1
        if current.is_running and current.failures >= MAX_FAILURES:
            service.end(session, current, JobState.STOPPED, "failed")
