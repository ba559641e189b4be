"""Deletes what nobody needs any more."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from webapp.accounts.models import AddressChange, Link
from webapp.accounts.sessions import known_devices
from webapp.accounts.sessions import service as sign_ins
from webapp.core import rate_limits
from webapp.core.database import Database
from webapp.core.keys import rotation
from webapp.mail.models import AuthorizationRequest
from webapp.outbox.models import Message
from webapp.webhooks import service as webhooks

# An expired link still tells its owner what happened to it for a while.
LINK_RETENTION = timedelta(days=30)
MESSAGE_RETENTION = timedelta(days=90)


def tidy(database: Database, now: datetime) -> None:
    """Delete ended sign-ins, links, messages, events, devices, keys and what waits past their time, and idle limits.

    Each kind in a transaction of its own: it locks no person, so with rows of several kinds in hand it
    could wait for somebody who waits for it.
    """
    for sweep in SWEEPS:
        with database.transaction() as session:
            sweep(session, now)


def _sweep_address_changes(session: Session, now: datetime) -> None:
    session.execute(delete(AddressChange).where(AddressChange.expires_at <= now))


def _sweep_links(session: Session, now: datetime) -> None:
    session.execute(delete(Link).where(Link.expires_at <= now - LINK_RETENTION))


def _sweep_grant_requests(session: Session, now: datetime) -> None:
    session.execute(delete(AuthorizationRequest).where(AuthorizationRequest.expires_at <= now))


def _sweep_messages(session: Session, now: datetime) -> None:
    session.execute(delete(Message).where(Message.finished_at <= now - MESSAGE_RETENTION))


SWEEPS = (
    sign_ins.sweep,
    _sweep_address_changes,
    _sweep_links,
    _sweep_grant_requests,
    _sweep_messages,
    known_devices.sweep,
    rate_limits.sweep,
    rotation.sweep,
    webhooks.delete_old_events,
)
