"""What the worker does for monitoring: sample how many messages wait, and raise the alarm."""

from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy.orm import Session

from webapp.core import counts
from webapp.core.counts import Counted
from webapp.core.jobs import SWEEP, Job, cleanup_job, register_jobs
from webapp.monitoring import alarm
from webapp.outbox.status import delivery_status


def init_app(app: Flask) -> None:
    """Register the jobs."""
    register_jobs(
        app,
        Job("watch whether mail flows", alarm.watch, SWEEP),
        cleanup_job("sample what waits", sample_waiting, every=timedelta(minutes=1)),
    )


def sample_waiting(session: Session, now: datetime) -> None:
    """Count the messages that wait. Several workers may do this, as the charts show the mean of all samples."""
    waiting = delivery_status(session, now).waiting
    counts.add(session, now, {Counted("waiting", "", "sum"): waiting, Counted("waiting", "", "samples"): 1})
