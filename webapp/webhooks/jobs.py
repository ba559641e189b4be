"""What the workers do for webhooks: deliver events, and delete old ones."""

from datetime import datetime

from flask import Flask, current_app

from webapp.core.app_state import app_state
from webapp.core.jobs import MINUTE, SWEEP, Job, cleanup_job, get_runner, register_jobs
from webapp.webhooks import delivery, events


def init_app(app: Flask) -> None:
    """Register the jobs."""
    register_jobs(
        app,
        Job(events.DELIVER, deliver, SWEEP, next_due),
        cleanup_job("delete old webhook events", events.delete_old, MINUTE),
    )


def deliver(_now: datetime) -> None:
    """Try every event that is due."""
    delivery.deliver_due(app_state(), get_runner(current_app).stopping.is_set)


def next_due(now: datetime) -> datetime | None:
    """Return when the next event can be tried that waits for a time to come."""
    with app_state().database.read() as session:
        return min((time for time in delivery.next_attempts(session).values() if time > now), default=None)
