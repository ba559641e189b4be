"""What the workers do for the webhook: deliver events, and delete old ones."""

from datetime import datetime

from flask import Flask, current_app
from sqlalchemy import func, select

from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.jobs import SWEEP, Job, cleanup_job, get_runner, register_jobs
from webapp.webhooks import delivery, service
from webapp.webhooks.models import DeliveryState, WebhookDelivery


def init_app(app: Flask) -> None:
    """Register the jobs."""
    register_jobs(
        app,
        Job(service.DELIVER, deliver, SWEEP, next_due),
        cleanup_job("delete old webhook events", service.delete_old_events),
    )


def deliver(_now: datetime) -> None:
    """Try every event that is due, once."""
    stopping = get_runner(current_app).stopping
    while not stopping.is_set() and delivery.deliver_next(app_state(), clock.now()):
        pass


def next_due(now: datetime) -> datetime | None:
    """Return when the next event is due that waits for a time to come."""
    later = select(func.min(WebhookDelivery.next_attempt_at)).where(
        WebhookDelivery.state == DeliveryState.QUEUED, WebhookDelivery.next_attempt_at > now
    )
    with app_state().database.read() as session:
        return session.scalar(later)
