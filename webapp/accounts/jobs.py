"""What the worker deletes of accounts: sessions, links and requests that are over."""

from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import delete
from sqlalchemy.orm import Session

from webapp.accounts.models import AddressChange, Link
from webapp.accounts.sessions import known_devices
from webapp.accounts.sessions import service as sessions
from webapp.core.jobs import cleanup_job, register_jobs

# For a while, the page behind an expired link still says what happened to it.
LINK_RETENTION = timedelta(days=30)


def init_app(app: Flask) -> None:
    """Register the jobs."""
    register_jobs(
        app,
        cleanup_job("delete ended sessions", sessions.sweep),
        cleanup_job("delete expired address changes", delete_expired_address_changes),
        cleanup_job("delete old links", delete_old_links),
        cleanup_job("forget unused devices", known_devices.sweep),
    )


def delete_expired_address_changes(session: Session, now: datetime) -> None:
    """Delete requests for a new address that were not confirmed in time."""
    session.execute(delete(AddressChange).where(AddressChange.expires_at <= now))


def delete_old_links(session: Session, now: datetime) -> None:
    """Delete links that expired a while ago."""
    session.execute(delete(Link).where(Link.expires_at <= now - LINK_RETENTION))
