"""What the worker deletes by the settings: audit entries whose retention period is over."""

from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core.jobs import cleanup_job, register_jobs
from webapp.settings.service import security

# The clocks of the database and of this machine may differ by less.
CLOCK_SKEW = timedelta(hours=1)


def init_app(app: Flask) -> None:
    """Register the job."""
    register_jobs(app, cleanup_job("delete old audit entries", delete_old_audit_entries))


def delete_old_audit_entries(session: Session, now: datetime) -> None:
    """Delete the audit entries of the days that the retention period no longer covers, if it ends at all."""
    if days := security(session).audit_retention_days:
        audit.prune(session, (now - timedelta(days=days) - CLOCK_SKEW).date())
