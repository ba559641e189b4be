"""The outbox: owing messages, looking at them, and trying them again."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.database import MAX_ID
from webapp.core.errors import MailroomError, NotFound
from webapp.outbox import events
from webapp.outbox.models import Message, MessageState
from webapp.outbox.queue import wake_after_commit

PAGE_SIZE = 50


class StateFilter(StrEnum):
    """What the list can be narrowed to."""

    ALL = "all"
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def states(self) -> tuple[MessageState, ...]:
        """The states it stands for."""
        if self is StateFilter.ALL:
            return tuple(MessageState)
        return (
            (MessageState.QUEUED, MessageState.SENDING) if self is StateFilter.WAITING else (MessageState(self.value),)
        )


class NotRetryable(MailroomError):
    """The message is finished, is being sent, or is too old to be sent."""


def enqueue(
    session: Session,
    kind: str,
    recipient: str,
    *,
    user_id: int | None = None,
    data: dict[str, Any] | None = None,
    expires_at: datetime | None = None,
    not_before: datetime | None = None,
) -> Message:
    """Add a message to the outbox and, once the transaction is committed, wake the worker.

    `kind` is the name of a registered kind. It is not sent after `expires_at`,
    and the link in it expires then too. `data` holds nothing secret. It is sent now, or at `not_before`.
    """
    now = clock.now()
    message = Message(
        kind=kind,
        recipient=recipient,
        user_id=user_id,
        data=data or {},
        expires_at=expires_at,
        created_at=now,
        next_attempt_at=not_before or now,
    )
    session.add(message)
    wake_after_commit(session)
    return message


def latest(session: Session, kind: str, user_id: int) -> Message | None:
    """The newest message of this kind to this person, which is not sent until the transaction ends."""
    wanted = select(Message).where(Message.user_id == user_id, Message.kind == kind)
    return session.scalar(wanted.order_by(Message.id.desc()).limit(1).with_for_update())


def undelivered(session: Session, kind: str, user_id: int) -> list[Message]:
    """The messages of this kind to this person that may still be sent, also if somebody has to retry them."""
    mine = select(Message).where(Message.user_id == user_id, Message.kind == kind)
    waiting = mine.where(Message.state.in_((MessageState.QUEUED, MessageState.SENDING, MessageState.FAILED)))
    return [one for one in session.scalars(waiting) if clock.now() < one.deadline]


def retry_waiting(session: Session) -> None:
    """Have everything that is owed tried now: what held it up was changed, so nothing does as far as we know."""
    again = {"next_attempt_at": clock.now(), "waits_for_server": False}
    session.execute(update(Message).where(Message.state == MessageState.QUEUED).values(again))
    wake_after_commit(session)


def retry(session: Session, message_id: int) -> None:
    """Have one message tried now, a failed one too. Raises NotFound, NotRetryable."""
    now = clock.now()
    found = message(session, message_id, lock=True)
    if not can_retry(found, now):
        raise NotRetryable
    found.state, found.next_attempt_at, found.finished_at = MessageState.QUEUED, now, None
    audit.record(session, events.MESSAGE_RETRIED, email=found.recipient, message=message_id)
    wake_after_commit(session)


def can_retry(message: Message, now: datetime) -> bool:
    """Whether trying it now makes sense."""
    return message.state in (MessageState.QUEUED, MessageState.FAILED) and now < message.deadline


def message(session: Session, message_id: int, lock: bool = False) -> Message:
    """The message with this id; with `lock`, nobody else changes it until the transaction ends. Raises NotFound."""
    found = session.get(Message, message_id, with_for_update=lock or None) if message_id <= MAX_ID else None
    if found is None:
        raise NotFound
    return found


def page(session: Session, shown: StateFilter, before: int | None) -> tuple[list[Message], bool]:
    """The newest 50 messages, and whether there are older ones. `before` is the id at which the page before ended."""
    newest = select(Message).where(Message.state.in_(shown.states)).order_by(Message.id.desc()).limit(PAGE_SIZE + 1)
    if before is not None:
        newest = newest.where(Message.id < max(0, min(before, MAX_ID)))
    found = list(session.scalars(newest))
    return found[:PAGE_SIZE], len(found) > PAGE_SIZE
