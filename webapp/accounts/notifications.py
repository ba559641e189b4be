"""What people are told by mail: who used or changed their account, when and from where; to administrators, of mail."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts.models import Role, User, UserState
from webapp.core import clock
from webapp.core.actor import current_actor
from webapp.mail.expiry.service import Expiry
from webapp.outbox import service as outbox
from webapp.outbox.models import MessageState

# Whoever knows a password and signs in again and again fills nobody's mailbox: what comes within these
# is told in the next mail, which names so many and counts the others.
MIN_INTERVAL = timedelta(minutes=5)
NAMED = 5
# A mail that waits for longer may be given up; what comes then is told in another one.
MERGE_WINDOW = timedelta(days=1)


def request_origin() -> dict[str, Any]:
    """Where the present request comes from, as data of a mail."""
    actor = current_actor()
    return {"client": actor.ip_address, "device": actor.user_agent}


def notify_password_changed(session: Session, person: User, by_link: bool) -> None:
    """Owe the news of another password, chosen behind a mailed link or else in the profile."""
    data = {"by_link": by_link, **request_origin()}
    outbox.enqueue(session, "password_changed", person.email, user_id=person.id, data=data)


def notify_new_session(session: Session, person: User) -> None:
    """Owe the news that somebody signed in with a browser that is not known; the account must be locked."""
    now = clock.now()
    news = {"at": now.isoformat(), **request_origin()}
    last = outbox.latest(session, "new_session", person.id)
    if last is not None and last.state == MessageState.QUEUED and now - last.created_at < MERGE_WINDOW:
        last.data = _joined(last.data, news)
        return
    data = {"sign_ins": [news], "more": 0}
    message = outbox.enqueue(session, "new_session", person.email, user_id=person.id, data=data)
    if last is not None and now < last.created_at + MIN_INTERVAL:
        # The clock may have been set back since.
        message.next_attempt_at = min(last.created_at, now) + MIN_INTERVAL


def email_administrators(_sender: object, session: Session, expiry: Expiry) -> None:
    """Enqueue an expiry alert for every active administrator."""
    active = select(User).where(User.role == Role.ADMINISTRATOR, User.state == UserState.ACTIVE).order_by(User.id)
    for user in session.scalars(active):
        outbox.enqueue(session, "expiry_alert", user.email, user_id=user.id, data=expiry.to_data())


def _joined(data: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
    if len(data["sign_ins"]) < NAMED:
        return data | {"sign_ins": [*data["sign_ins"], news]}
    return data | {"more": data["more"] + 1}
