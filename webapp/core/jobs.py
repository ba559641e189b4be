"""Background jobs: each package registers its own, and the workers run them as tasks of the queue.

Any number of workers may run the same job at the same time: claims, leases and locks in the database see to it that
each piece of work is done once.
"""

import secrets
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import structlog
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.database import DATABASE_UNAVAILABLE
from webapp.core.postgresql import lift_limits
from webapp.core.queue import get_queue

EXTENSION = "mailroom.jobs"
# How often a worker looks for what nobody should wait a minute for; the longer intervals are Huey's.
SWEEP, MINUTE, HOUR = timedelta(seconds=10), timedelta(minutes=1), timedelta(hours=1)
# Seconds that another thread waits for a run to end; after that it joins in a shared one, and leaves another alone.
JOIN_AFTER = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Job:
    """Work that is repeated; `run` is called with the time, inside an application context."""

    name: str
    run: Callable[[datetime], object]
    # SWEEP, or whole minutes up to an hour.
    every: timedelta = MINUTE
    # Returns the next time after the one it is given at which there is work, if any is known: it runs then, too.
    next_due: Callable[[datetime], datetime | None] | None = None
    # Whether further threads join when a run takes long; else one thread of a worker runs it at a time.
    shared: bool = False


class JobRunner:
    """Runs the jobs of one application in the threads of this process."""

    def __init__(self, app: Flask) -> None:
        self.jobs: list[Job] = []
        # What names this process in claims.
        self.worker = secrets.token_hex(8)
        # Set when the process is about to stop: runs end as soon as they can.
        self.stopping = threading.Event()
        self._app = app
        self._turns: dict[str, Turns] = {}

    def add(self, job: Job) -> None:
        """Add a job, and its task to the queue."""
        self.jobs.append(job)
        self._turns[job.name] = Turns()
        get_queue(self._app).add(job.name, lambda: self.run(job), job.every)

    def use_threads(self, number: int) -> None:
        """Say how many threads run tasks; a shared job leaves one of them to the others."""
        for job in self.jobs:
            self._turns[job.name] = Turns(number - 2 if job.shared else 0)

    def run(self, job: Job) -> None:
        """Run a job, unless enough threads do. Failures are logged; it runs again later."""
        with self._turns[job.name].turn(JOIN_AFTER) as granted:
            if granted is None or self.stopping.is_set():
                return
            get_queue(self._app).task(job.name).begin()
            if granted:
                self._run(job)

    def _run(self, job: Job) -> None:
        try:
            with self._app.app_context():
                job.run(clock.now())
        except DATABASE_UNAVAILABLE as error:
            log.warning("job failed: database unavailable", job=job.name, error=type(error).__name__)
        except Exception:
            log.exception("job failed", job=job.name)


class Turns:
    """Which threads run a job: one, as many `helpers` as join it when it takes long, and one that waits."""

    def __init__(self, helpers: int = 0) -> None:
        self._first, self._waiting = threading.Semaphore(1), threading.Semaphore(1)
        self._helpers = threading.Semaphore(max(0, helpers))

    @contextmanager
    def turn(self, patience: float) -> Iterator[bool | None]:
        """Wait for a turn; yield whether it was granted, or None if another thread waits already.

        That one will look later than this one would have, so it sees at least as much.
        """
        if not self._waiting.acquire(blocking=False):
            yield None
            return
        if self._first.acquire(timeout=patience):
            held: threading.Semaphore | None = self._first
        else:
            held = self._helpers if self._helpers.acquire(blocking=False) else None
        self._waiting.release()
        try:
            yield held is not None
        finally:
            if held is not None:
                held.release()


def cleanup_job(name: str, clean_up: Callable[[Session, datetime], None], every: timedelta = HOUR) -> Job:
    """Return a job that calls `clean_up` in a transaction of its own; another worker's run of it is not disturbed."""

    def run(now: datetime) -> None:
        with app_state().database.transaction() as session:
            lift_limits(session.connection())
            if _is_alone(session, name):
                clean_up(session, now)

    return Job(name, run, every)


def register_jobs(app: Flask, *jobs: Job) -> None:
    """Have the workers run these jobs."""
    for job in jobs:
        get_runner(app).add(job)


def get_runner(app: Flask) -> JobRunner:
    """Return what runs the application's jobs."""
    return cast(JobRunner, app.extensions[EXTENSION])


def _is_alone(session: Session, name: str) -> bool:
    """Return whether no other worker does this; at most one does until the end of the transaction.

    Two that delete the same rows in a different order would wait for each other. SQLite has a single writer anyway.
    """
    if session.get_bind().dialect.name != "postgresql":
        return True
    lock = text("SELECT pg_try_advisory_xact_lock(:key)")
    return bool(session.scalar(lock, {"key": zlib.crc32(f"mailroom job {name}".encode())}))
