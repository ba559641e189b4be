"""Emails that tell users what happened to their account, and administrators what the mail server needs."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts.models import Role, User, UserState
from webapp.core import clock
from webapp.core.actor import current_actor
from webapp.mail.expiry.service import Expiry
from webapp.mail.rollback.service import Rollback
from webapp.outbox import service as outbox
from webapp.outbox.models import Message, MessageState

# A thief who signs in again and again must not fill the mailbox: sessions that start before the next email may be
# sent are listed in it, up to a number, and the others counted.
MIN_INTERVAL = timedelta(minutes=5)
MAX_LISTED_SESSIONS = 5
# A message that has been queued for longer may expire soon, so nothing is added to it.
MERGE_WINDOW = timedelta(days=1)


def request_origin() -> dict[str, Any]:
    """Return where the current request comes from, as data of a message."""
    actor = current_actor()
    return {"ip_address": actor.ip_address, "user_agent": actor.user_agent}


def notify_password_changed(session: Session, user: User, by_link: bool) -> None:
    """Enqueue the email about a new password, set through a link or else in the profile."""
    data = {"by_link": by_link, **request_origin()}
    outbox.enqueue(session, "password_changed", user.email, user_id=user.id, data=data)


def notify_new_session(session: Session, user: User) -> None:
    """Enqueue the email about a session in an unknown browser of a locked user, or add to the one that is queued."""
    now = clock.now()
    new = {"at": now.isoformat(), **request_origin()}
    last = outbox.latest(session, "new_session", user.id)
    if last is not None and _can_be_added_to(last, now):
        last.data = _add_session(last.data, new)
        return
    not_before = None
    if last is not None and now < last.created_at + MIN_INTERVAL:
        # The clock may have been set back since.
        not_before = min(last.created_at, now) + MIN_INTERVAL
    data = {"sessions": [new], "more": 0}
    outbox.enqueue(session, "new_session", user.email, user_id=user.id, data=data, not_before=not_before)


def email_administrators(_sender: object, session: Session, expiry: Expiry) -> None:
    """Enqueue one alert about the mail server for each active administrator; receives `expiry_alert_raised`."""
    enqueue_for_administrators(session, "expiry_alert", expiry.to_data())


def email_about_rollback(_sender: object, session: Session, rollback: Rollback) -> None:
    """Enqueue an email for each active administrator; receives `mail_server_rolled_back`."""
    enqueue_for_administrators(session, "mail_server_went_back", rollback.to_data())


def enqueue_for_administrators(session: Session, kind: str, data: dict[str, Any]) -> None:
    """Enqueue one message of this kind for each active administrator."""
    active = select(User).where(User.role == Role.ADMINISTRATOR, User.state == UserState.ACTIVE).order_by(User.id)
    for user in session.scalars(active):
        outbox.enqueue(session, kind, user.email, user_id=user.id, data=data)


def _can_be_added_to(message: Message, now: datetime) -> bool:
    """Whether the message waits; not if a copy may have arrived, as mail programs show the same Message-ID once."""
    waits = message.state == MessageState.QUEUED and message.uncertain_at is None
    return waits and now - message.created_at < MERGE_WINDOW and "sessions" in message.data


def _add_session(data: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    if len(data["sessions"]) < MAX_LISTED_SESSIONS:
        return data | {"sessions": [*data["sessions"], new]}
    return data | {"more": data["more"] + 1}
