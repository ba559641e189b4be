"""The outbox: queue messages, list them, retry them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, insert, or_, select
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.audit.service import Subject
from webapp.core import clock
from webapp.core.database import MAX_ID
from webapp.core.errors import MailroomError, NotFound
from webapp.mail import servers
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.grants import service as grants
from webapp.mail.models import MailServer
from webapp.outbox import audit_events, recipients, statistics, suspension
from webapp.outbox.claims import cancel_queued
from webapp.outbox.kinds import find_kind
from webapp.outbox.models import FINISHED, Attempt, Message, MessageState, search_key
from webapp.outbox.queue import wake_after_commit
from webapp.outbox.signals import messages_ended
from webapp.providers import Diagnosis

MAX_LISTED_FOR_USER = 10
RETENTION = timedelta(days=90)
NOBODYS_RETENTION = timedelta(hours=1)
# Adding a message by way of the session takes twice as long.
_INSERT = insert(Message)


class NotRetryable(MailroomError):
    """The message is being sent, was sent, canceled or sent again as another one, or is too old."""


class NotWaiting(MailroomError):
    """The message is being sent, is finished, or must be sent."""


def enqueue(
    session: Session,
    kind: str,
    recipient: str,
    *,
    user_id: int | None = None,
    data: dict[str, Any] | None = None,
    expires_at: datetime | None = None,
    not_before: datetime | None = None,
    resend_of: int | None = None,
) -> int:
    """Queue a message, wake the worker once the transaction is committed, and return the id of the message.

    `kind` is the name of a registered kind; `data` contains nothing secret. The message isn't sent after
    `expires_at`, when the link in it expires too, nor before `not_before`. `resend_of` is the id of the one that is
    sent again.
    """
    now = clock.now()
    # The user may be new, too.
    session.flush()
    values = {
        "kind": kind,
        "recipient": recipient,
        "user_id": user_id,
        "data": data or {},
        "expires_at": expires_at,
        "created_at": now,
        "next_attempt_at": not_before or now,
        "resend_of": resend_of,
    }
    inserted: Any = session.connection().execute(_INSERT, values)
    message_id: int = inserted.inserted_primary_key[0]
    wake_after_commit(session)
    return message_id


def enqueue_all(
    session: Session,
    kind: str,
    users: Sequence[Subject],
    expires_at: datetime | None = None,
    data: Mapping[int, dict[str, Any]] | None = None,
) -> None:
    """Queue one bulk message to each of these users, in one statement. Nobody waits for them, so others go first.

    `data` is that of each user's message, by the ids of the users; that of the others is empty.
    """
    if not users:
        return
    now = clock.now()
    same = {"kind": kind, "bulk": True, "expires_at": expires_at, "created_at": now, "next_attempt_at": now}
    each = [
        {"recipient": user.email, "user_id": user.id, "data": (data or {}).get(user.id or 0, {}), **same}
        for user in users
    ]
    session.connection().execute(_INSERT, each)
    wake_after_commit(session)


def users_waiting_for(session: Session, kind: str, user_ids: Sequence[int]) -> set[int]:
    """Return which of these users have a message of this kind that will be sent without anybody doing anything."""
    waiting = select(Message.user_id).where(
        Message.user_id.in_(user_ids),
        Message.kind == kind,
        Message.state.in_((MessageState.QUEUED, MessageState.SENDING)),
    )
    return {user_id for user_id in session.scalars(waiting) if user_id is not None}


def newest_data(session: Session, kind: str, user_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return what the newest message of this kind to each of these users was queued with."""
    found = select(Message.user_id, Message.data).where(Message.user_id.in_(user_ids), Message.kind == kind)
    return {user_id: data for user_id, data in session.execute(found.order_by(Message.id)) if user_id is not None}


def latest(session: Session, kind: str, user_id: int) -> Message | None:
    """Return the newest message of this kind to this user, locked: it isn't sent until the transaction ends."""
    wanted = select(Message).where(Message.user_id == user_id, Message.kind == kind)
    return session.scalar(wanted.order_by(Message.id.desc()).limit(1).with_for_update())


def list_for_user(session: Session, user_id: int, email: str) -> list[Message]:
    """Return the newest messages to this user, with resets requested for the address that were not delivered yet."""
    own = or_(Message.user_id == user_id, and_(Message.user_id.is_(None), Message.recipient_key == search_key(email)))
    return list(session.scalars(select(Message).where(own).order_by(Message.id.desc()).limit(MAX_LISTED_FOR_USER)))


def undelivered(session: Session, kind: str, user_id: int) -> list[Message]:
    """Return the messages of this kind to this user that may still be sent, if only after a retry by hand."""
    states = (MessageState.QUEUED, MessageState.SENDING, MessageState.FAILED, MessageState.UNCERTAIN)
    wanted = select(Message).where(Message.user_id == user_id, Message.kind == kind, Message.state.in_(states))
    return [message for message in session.scalars(wanted) if clock.now() < message.deadline]


def retry_waiting(session: Session) -> None:
    """Make queued messages due now, because the settings that they may wait for have changed.

    Those that may have arrived already keep their wait.
    """
    suspension.forget(session, clock.now())
    wake_after_commit(session)


def retry(session: Session, message_id: int) -> None:
    """Make one message due now that is queued, failed or uncertain. Raises NotFound, NotRetryable, Unwanted."""
    now = clock.now()
    seen = get_message(session, message_id)
    kind = find_kind(seen.kind)
    if kind and can_retry(seen, now):
        # It locks the user, as every change of an account does before it locks messages.
        kind.require_wanted(session, seen)
    message = get_message(session, message_id, lock=True)
    if not can_retry(message, now):
        raise NotRetryable
    message.state, message.next_attempt_at, message.finished_at = MessageState.QUEUED, now, None
    if message.attempts == 0 and suspension.next_to_try(session) is not None:
        # It is tried on behalf of those that wait for the server: otherwise, as a new one, it would join them.
        message.waits_for_server = True
    audit.record(session, audit_events.MESSAGE_RETRIED, email=message.recipient, message=message_id)
    grants.ask_again(session)
    wake_after_commit(session)


def can_retry(message: Message, now: datetime) -> bool:
    """Return whether the message can be tried now."""
    retryable = (MessageState.QUEUED, MessageState.FAILED, MessageState.UNCERTAIN)
    return message.state in retryable and now < message.deadline and message.resent_as is None


def can_cancel(message: Message) -> bool:
    """Return whether the message waits and needn't be sent."""
    kind = find_kind(message.kind)
    return message.state == MessageState.QUEUED and not (kind and kind.warns)


def cancel(session: Session, message_id: int, code: str = "by_administrator") -> None:
    """Don't send one queued message; `code` says whose wish that is. Raises NotFound, NotWaiting."""
    message = get_message(session, message_id, lock=True)
    if not can_cancel(message):
        raise NotWaiting
    now = clock.now()
    if message.uncertain_at is None:
        cancel_queued(message, now, code)
    else:
        message.state, message.finished_at, message.waits_for_server = MessageState.UNCERTAIN, now, False
    statistics.count_finished(session, now, [(message.kind, message.state)])
    messages_ended.send(session=session, ids=[message.id], replies={})
    audit.record(session, audit_events.MESSAGE_CANCELLED, email=message.recipient, message=message_id)


def get_message(session: Session, message_id: int, lock: bool = False) -> Message:
    """Return the message with this id; with `lock`, locked until the transaction ends. Raises NotFound."""
    found = None
    if message_id <= MAX_ID:
        found = session.get(Message, message_id, with_for_update=lock or None, populate_existing=lock)
    if found is None:
        raise NotFound
    return found


def diagnosis(session: Session, message: Message) -> Diagnosis | None:
    """Return what the failure of a message means with the current settings; None if no server was asked."""
    server, failure = tried_server(session, message), message.failure
    return diagnose(server.provider, server.public_values, failure) if server and failure else None


def tried_server(session: Session, message: Message) -> MailServer | None:
    """Return the server by which a message was tried last, or the first one, if that was never or it was deleted."""
    last = select(Attempt.mail_server_id).where(Attempt.message_id == message.id).order_by(Attempt.id.desc()).limit(1)
    server_id = session.scalar(last)
    return (servers.by_id(session, server_id) if server_id is not None else None) or servers.primary(session)


def delete_old_messages(session: Session, now: datetime) -> None:
    """Delete finished messages after RETENTION, and those for nobody much sooner."""
    finished = delete(Message).where(Message.state.in_(FINISHED))
    session.execute(finished.where(Message.finished_at <= now - RETENTION))
    session.execute(finished.where(Message.finished_at <= now - NOBODYS_RETENTION, recipients.is_for_nobody()))
