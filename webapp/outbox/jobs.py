"""What the workers do with the outbox: deliver what is due, and clean up."""

from datetime import datetime

from flask import Flask
from sqlalchemy.orm import Session

from webapp.core.app_state import app_state
from webapp.core.jobs import MINUTE, SWEEP, Job, cleanup_job, get_runner, register_jobs
from webapp.outbox import claims, delivery, service
from webapp.outbox.queue import DELIVER, wake_after_commit


def init_app(app: Flask) -> None:
    """Register the jobs."""

    def deliver(_now: datetime) -> None:
        runner = get_runner(app)
        delivery.deliver_due(app, runner.worker, runner.stopping.is_set)

    register_jobs(
        app,
        Job(DELIVER, deliver, SWEEP, next_due, shared=True),
        cleanup_job("release lost claims", release_lost, SWEEP),
        cleanup_job("expire messages", claims.expire, MINUTE),
        cleanup_job("delete old messages", service.delete_old_messages),
    )


def release_lost(session: Session, now: datetime) -> None:
    """Queue again what was claimed by a worker that has died or can't renew its leases."""
    claims.sweep(session, now)
    wake_after_commit(session)


def next_due(now: datetime) -> datetime | None:
    """Return when the next message is due that waits for a time to come."""
    with app_state().database.read() as session:
        return claims.next_due(session, now)
