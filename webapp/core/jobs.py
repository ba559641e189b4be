"""Background jobs: each package registers its own, and the worker runs them."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import structlog
from flask import Flask
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.postgresql import lift_limits

EXTENSION = "mailroom.jobs"

# "delivery" jobs run between two deliveries and may wait for other servers. "maintenance" jobs run in the
# thread that renews leases, so they use nothing but the database.
Group = Literal["delivery", "maintenance"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Job:
    """Work that the worker repeats; `run` is called inside an application context."""

    name: str
    run: Callable[[datetime], object]
    every: timedelta
    group: Group


def cleanup_job(name: str, clean_up: Callable[[Session, datetime], None], every: timedelta = timedelta(hours=1)) -> Job:
    """Return a job that calls `clean_up` in a transaction of its own."""

    def run(now: datetime) -> None:
        with app_state().database.transaction() as session:
            lift_limits(session.connection())
            clean_up(session, now)

    return Job(name, run, every, "maintenance")


def register_jobs(app: Flask, *jobs: Job) -> None:
    """Have the worker run these jobs."""
    app.extensions.setdefault(EXTENSION, []).extend(jobs)


def jobs_of(app: Flask, group: Group) -> list[Job]:
    """Return the jobs of one group in the order of their registration."""
    return [job for job in app.extensions.get(EXTENSION, []) if job.group == group]


class JobRunner:
    """Runs jobs when they are due. Several threads may share one: each job runs in one of them at a time."""

    def __init__(self, app: Flask, jobs: Iterable[Job]) -> None:
        self._app = app
        self._due = dict.fromkeys(jobs, 0.0)
        self._lock = threading.Lock()

    def run_due(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Run what is due, each job once, until `stopping()`. A job that fails is logged and runs again later."""
        for job in self._due:
            if not stopping() and self._claim(job):
                self._run(job)

    def _claim(self, job: Job) -> bool:
        with self._lock:
            if time.monotonic() < self._due[job]:
                return False
            self._due[job] = float("inf")
            return True

    def _run(self, job: Job) -> None:
        try:
            with self._app.app_context():
                job.run(clock.now())
        except Exception:
            log.exception("job failed", job=job.name)
        finally:
            self._due[job] = time.monotonic() + job.every.total_seconds()
