"""What the workers do for bulk jobs."""

from datetime import datetime

from flask import Flask, current_app
from sqlalchemy import func, select

from webapp.accounts.bulk_jobs import runner, service
from webapp.accounts.bulk_jobs.models import BulkJob, JobState
from webapp.core.app_state import app_state
from webapp.core.jobs import SWEEP, Job, cleanup_job, get_runner, register_jobs


def init_app(app: Flask) -> None:
    """Register the jobs."""
    register_jobs(
        app,
        Job(service.CARRY_OUT, carry_out, SWEEP, next_due),
        cleanup_job("delete old bulk jobs", service.delete_old),
    )


def carry_out(_now: datetime) -> None:
    """Carry out the bulk jobs that nobody works on."""
    runner.run_due(app_state().database, get_runner(current_app).stopping.is_set)


def next_due(_now: datetime) -> datetime | None:
    """Return when the next job can be taken over, should its worker have died."""
    with app_state().database.read_columns() as connection:
        moved = connection.scalar(select(func.min(BulkJob.moved_at)).where(BulkJob.state == JobState.RUNNING))
    return moved + runner.ABANDONED_AFTER if moved else None
