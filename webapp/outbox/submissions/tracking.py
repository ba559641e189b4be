"""What applications ask about the emails that they handed in: list them, look at one, cancel it, retry it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.core.errors import MailroomError, NotFound
from webapp.outbox import service
from webapp.outbox.kinds import Unwanted
from webapp.outbox.models import Attempt, Message, search_key
from webapp.outbox.service import NotRetryable, NotWaiting
from webapp.outbox.submissions.models import Submission

# Of all recipients of an email together, the newest attempts are shown.
MAX_ATTEMPTS = 1000


class NothingToDo(MailroomError):
    """No message of the email can be changed like this any more."""


@dataclass(frozen=True)
class Filter:
    """Which emails to list; empty values exclude nothing. `state` and `recipient` are about one and the same message.

    `since` is included, `until` is not.
    """

    state: str = ""
    recipient: str = ""
    since: datetime | None = None
    until: datetime | None = None


def find(session: Session, application_id: int, public_id: str) -> Submission:
    """Return an email of this application. Raises NotFound, also for one of another application."""
    mine = select(Submission).where(Submission.public_id == public_id, Submission.application_id == application_id)
    found = session.scalar(mine)
    if found is None:
        raise NotFound
    return found


def newest(session: Session, application_id: int, wanted: Filter, before: str, limit: int) -> list[Submission]:
    """Return the newest emails of an application, older than the one with the public id `before`, if that is given.

    Once that was deleted, because it is old, there are no older ones.
    """
    conditions = [Submission.application_id == application_id]
    if before:
        last = select(Submission.id).where(Submission.public_id == before, Submission.application_id == application_id)
        conditions.append(Submission.id < last.scalar_subquery())
    if wanted.since:
        conditions.append(Submission.created_at >= wanted.since)
    if wanted.until:
        conditions.append(Submission.created_at < wanted.until)
    about = [Message.submission_id == Submission.id]
    if wanted.state:
        about.append(Message.state == wanted.state)
    if wanted.recipient:
        to = Message.recipient_key == search_key(wanted.recipient)
        about.append(to)
        # They are few; without this, each email of the application would be looked at.
        conditions.append(Submission.id.in_(select(Message.submission_id).where(to)))
    if len(about) > 1:
        conditions.append(exists().where(*about))
    return list(session.scalars(select(Submission).where(*conditions).order_by(Submission.id.desc()).limit(limit)))


def messages_of(session: Session, submissions: Sequence[Submission]) -> dict[int, list[Message]]:
    """Return the messages of emails, one for each recipient, by the ids of the emails."""
    found: dict[int, list[Message]] = {one.id: [] for one in submissions}
    for message in session.scalars(select(Message).where(Message.submission_id.in_(found)).order_by(Message.id)):
        found[message.submission_id or 0].append(message)
    return found


def attempts_of(session: Session, messages: Sequence[Message]) -> dict[int, list[Attempt]]:
    """Return the newest attempts to send these messages, newest first, by the ids of the messages."""
    found: dict[int, list[Attempt]] = {message.id: [] for message in messages}
    latest = select(Attempt).where(Attempt.message_id.in_(found)).order_by(Attempt.id.desc()).limit(MAX_ATTEMPTS)
    for attempt in session.scalars(latest):
        found[attempt.message_id].append(attempt)
    return found


def cancel(session: Session, submission: Submission, recipient: str = "") -> None:
    """Don't send what waits, to this recipient or to all. Raises NotFound, NothingToDo."""
    _for_each(session, submission, recipient, lambda message: service.cancel(session, message.id, "by_application"))


def retry(session: Session, submission: Submission, recipient: str = "") -> None:
    """Send what waits or has failed now, to this recipient or to all. Raises NotFound, NothingToDo."""
    now = clock.now()

    def retry_one(message: Message) -> None:
        if not service.can_retry(message, now):
            raise NotRetryable
        service.retry(session, message.id)

    _for_each(session, submission, recipient, retry_one)


def _for_each(session: Session, submission: Submission, recipient: str, change: Callable[[Message], None]) -> None:
    messages = messages_of(session, [submission])[submission.id]
    if recipient:
        messages = [one for one in messages if one.recipient_key == search_key(recipient)]
    if not messages:
        raise NotFound
    done = 0
    for message in messages:
        with suppress(NotWaiting, NotRetryable, Unwanted):
            change(message)
            done += 1
    if not done:
        raise NothingToDo
