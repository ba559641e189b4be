"""What people are told by mail: who used or changed their account, when and from where; to administrators, of mail."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp import clock
from webapp.accounts.models import Role, Status, User
from webapp.audit.actor import acting
from webapp.outbox import service as outbox
from webapp.outbox.models import State
from webapp.outbox.queue import Queue

# Whoever knows a password and signs in again and again fills nobody's mailbox: what comes within these
# is told in the next mail, which names so many and counts the others.
APART = timedelta(minutes=5)
NAMED = 5
# A mail that waits for longer may be given up; what comes then is told in another one.
JOINED_FOR = timedelta(days=1)


def from_where() -> dict[str, Any]:
    """Where the present request comes from, as facts of a mail."""
    actor = acting()
    return {"client": actor.client, "device": actor.device}


def password_changed(session: Session, queue: Queue, person: User, by_link: bool) -> None:
    """Owe the news of another password, chosen behind a mailed link or else in the profile."""
    facts = {"by_link": by_link, **from_where()}
    outbox.owe(session, queue, "password_changed", person.email, user_id=person.id, facts=facts)


def new_sign_in(session: Session, queue: Queue, person: User) -> None:
    """Owe the news that somebody signed in with a browser that is not known; the account must be locked."""
    now = clock.now()
    news = {"at": now.isoformat(), **from_where()}
    last = outbox.latest(session, "new_sign_in", person.id)
    if last is not None and last.state == State.OWED and now - last.created_at < JOINED_FOR:
        last.facts = _joined(last.facts, news)
        return
    facts = {"sign_ins": [news], "more": 0}
    message = outbox.owe(session, queue, "new_sign_in", person.email, user_id=person.id, facts=facts)
    if last is not None and now < last.created_at + APART:
        # The clock may have been set back since.
        message.next_attempt_at = min(last.created_at, now) + APART


def mail_server(session: Session, queue: Queue, expiry: dict[str, Any]) -> None:
    """Owe all active administrators the news that something the mail server needs ends, or has ended."""
    active = select(User).where(User.role == Role.ADMINISTRATOR, User.status == Status.ACTIVE).order_by(User.id)
    for person in session.scalars(active):
        outbox.owe(session, queue, "expiring", person.email, user_id=person.id, facts=expiry)


def _joined(facts: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
    if len(facts["sign_ins"]) < NAMED:
        return facts | {"sign_ins": [*facts["sign_ins"], news]}
    return facts | {"more": facts["more"] + 1}
