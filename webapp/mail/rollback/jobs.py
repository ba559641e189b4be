"""The job that restores settings that worked where email fails after a change."""

from datetime import datetime

from flask import Flask

from webapp.core.app_state import app_state
from webapp.core.jobs import Job, register_jobs
from webapp.mail.revisions.outcomes import ROLL_BACK
from webapp.mail.rollback import service


def init_app(app: Flask) -> None:
    """Register the job. It runs as soon as email has failed often enough."""
    register_jobs(app, Job(ROLL_BACK, roll_back))


def roll_back(_now: datetime) -> None:
    """Restore what worked of every server where that is wanted."""
    state = app_state()
    with state.database.read() as session:
        found = service.overdue(session)
    for server_id in found:
        with state.database.transaction() as session:
            service.roll_back(session, state.sealer, server_id)
