"""Deletes what nobody needs any more."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from webapp import limits
from webapp.accounts.models import AddressChange, Link
from webapp.accounts.sign_ins import known_devices
from webapp.accounts.sign_ins import service as sign_ins
from webapp.keys import rotation
from webapp.mail.models import GrantRequest
from webapp.outbox.models import Message
from webapp.webhooks import service as webhooks

# An expired link still tells its owner what happened to it for a while.
LINKS_KEPT = timedelta(days=30)
MESSAGES_KEPT = timedelta(days=90)


def tidy(session: Session, now: datetime) -> None:
    """Delete ended sign-ins, links, messages, events, devices, keys and what waits past their time, and idle limits."""
    sign_ins.sweep(session, now)
    session.execute(delete(AddressChange).where(AddressChange.expires_at <= now))
    session.execute(delete(Link).where(Link.expires_at <= now - LINKS_KEPT))
    session.execute(delete(GrantRequest).where(GrantRequest.expires_at <= now))
    session.execute(delete(Message).where(Message.finished_at <= now - MESSAGES_KEPT))
    known_devices.sweep(session, now)
    limits.sweep(session, now)
    rotation.sweep(session, now)
    webhooks.sweep(session, now)
