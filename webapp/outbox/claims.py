"""Which worker may send a message, and what happened to it; each change is one statement, safe on any machine.

A claim is a lease. The worker renews it while it is alive (`renew`); when the worker dies, the lease expires and
another one sends the message. So a message may be sent twice, but is never lost.
"""

import random
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from webapp.outbox.models import MAX_AGE, Message, MessageState
from webapp.providers import Failure

LEASE = timedelta(seconds=30)
# Waits after the first, second … attempt. When the server is down, one message is retried on behalf of all,
# so it is retried more often.
MESSAGE_WAITS = [timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15),
                 timedelta(hours=1)]  # fmt: skip
SERVER_WAITS = [timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5)]
SETTINGS_WAIT = timedelta(minutes=5)
# No lease and no wait is this long: a later time was written by a clock that has been set back since.
MAX_WAIT = timedelta(hours=3)
# Separates messages that wait together, so that one is tried before the others.
TRY_FIRST = timedelta(seconds=1)
# When a connection is lost at these stages, this message may be the cause after all.
SUSPECT_STAGES = ("rcpt", "data")
NO_FAILURE = Failure("")

_jitter = random.SystemRandom()


class LocalStage(StrEnum):
    """The stages before any server is asked."""

    SETTINGS = "settings"
    PREPARING = "preparing"


def claim(session: Session, now: datetime) -> Message | None:
    """Take the message that has been due for longest; no other worker gets it until `lease_expires_at`.

    Among those due since the same time, the one with the fewest attempts comes first, so that a message
    that keeps failing comes last.
    """
    due = (
        select(Message.id)
        .where(_is_due(now))
        .order_by(Message.next_attempt_at, Message.attempts, Message.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return session.scalar(
        update(Message)
        .where(Message.id == due.scalar_subquery(), Message.state == MessageState.QUEUED)
        .values(
            state=MessageState.SENDING,
            lease_expires_at=now + LEASE,
            attempts=Message.attempts + 1,
            last_attempt_at=now,
        )
        .returning(Message)
    )


def renew(session: Session, ids: Collection[int], until: datetime) -> None:
    """Extend the leases of the messages that are being sent right now."""
    ours = and_(Message.id.in_(ids), Message.state == MessageState.SENDING)
    session.execute(update(Message).where(ours).values(lease_expires_at=until))


def mark_sent(session: Session, message: Message, now: datetime, provider: str) -> None:
    """Record that the server accepted the message, even if our lease has expired meanwhile."""
    accepted = and_(Message.id == message.id, Message.state.in_((MessageState.SENDING, MessageState.QUEUED)))
    values = _final(MessageState.SENT, now) | _failure_columns(NO_FAILURE) | {"provider": provider}
    session.execute(update(Message).where(accepted).values(values))


def finish(
    session: Session,
    message: Message,
    now: datetime,
    state: MessageState,
    failure: Failure | None = None,
    provider: str = "",
) -> None:
    """Record that the message will not be sent (FAILED, EXPIRED or CANCELLED), and why."""
    values = _final(state, now)
    if failure is not None:
        values |= {**_failure_columns(failure), "provider": provider}
    session.execute(update(Message).where(_holds_claim(message)).values(values))


def reschedule(session: Session, message: Message, now: datetime, failure: Failure, provider: str = "") -> None:
    """Queue the message again after a failure that concerns only this message; waits grow with the attempts."""
    values = _queued(now + _wait(MESSAGE_WAITS, message, now), failure, provider, waits_for_server=False)
    session.execute(update(Message).where(_holds_claim(message)).values(values))


def suspend(session: Session, message: Message, now: datetime, failure: Failure, provider: str = "") -> None:
    """Have this message and everything that is due wait for the server.

    This message is the next to be tried, so that its attempts make the waits grow; where it may be the cause
    itself, another one is.
    """
    again = now + (SETTINGS_WAIT if failure.stage == LocalStage.SETTINGS else _wait(SERVER_WAITS, message, now))
    later = again + TRY_FIRST
    this, others = (later, again) if failure.stage in SUSPECT_STAGES else (again, later)
    session.execute(update(Message).where(_is_due(now)).values(_queued(others, failure, provider)))
    session.execute(update(Message).where(_holds_claim(message)).values(_queued(this, failure, provider)))


def suspend_new(session: Session, now: datetime) -> None:
    """Have new messages wait with those that wait for the server already.

    So a server that rejects us is asked once per wait, not once per message: many lock an account after a few
    failed sign-ins.
    """
    waiting = next_to_try(session)
    if waiting is not None and waiting.next_attempt_at > now:
        values = {
            "waits_for_server": True,
            "next_attempt_at": waiting.next_attempt_at + TRY_FIRST,
            **_failure_columns(waiting.failure or NO_FAILURE),
        }
        session.execute(update(Message).where(_is_due(now), Message.attempts == 0).values(values))


def resume(session: Session, now: datetime) -> None:
    """Make everything that waits for the server due, because it works again."""
    waiting = and_(Message.state == MessageState.QUEUED, Message.waits_for_server)
    session.execute(update(Message).where(waiting).values(waits_for_server=False, next_attempt_at=now))


def next_to_try(session: Session) -> Message | None:
    """Return the message that is tried next on behalf of all that wait for the server."""
    waiting = select(Message).where(Message.state == MessageState.QUEUED, Message.waits_for_server)
    return session.scalar(waiting.order_by(Message.next_attempt_at, Message.id).limit(1))


def sweep(session: Session, now: datetime) -> None:
    """Expire what is too late, and queue again what a dead worker claimed."""
    queued = Message.state == MessageState.QUEUED
    late = or_(Message.expires_at <= now, and_(Message.expires_at.is_(None), Message.created_at <= now - MAX_AGE))
    session.execute(update(Message).where(queued, late).values(_final(MessageState.EXPIRED, now)))
    over = or_(Message.lease_expires_at < now, Message.lease_expires_at > now + MAX_WAIT)
    abandoned = and_(Message.state == MessageState.SENDING, over)
    session.execute(update(Message).where(abandoned).values(state=MessageState.QUEUED, lease_expires_at=None))
    session.execute(update(Message).where(queued, Message.next_attempt_at > now + MAX_WAIT).values(next_attempt_at=now))


def _queued(at: datetime, failure: Failure, provider: str, waits_for_server: bool = True) -> dict[str, Any]:
    return {
        "state": MessageState.QUEUED,
        "lease_expires_at": None,
        "next_attempt_at": at,
        "waits_for_server": waits_for_server,
        "provider": provider,
        **_failure_columns(failure),
    }


def _final(state: MessageState, now: datetime) -> dict[str, Any]:
    return {"state": state, "finished_at": now, "lease_expires_at": None, "waits_for_server": False}


def _failure_columns(failure: Failure) -> dict[str, Any]:
    return {
        "failure_stage": failure.stage,
        "failure_code": failure.code,
        "failure_params": dict(failure.params),
        "failure_reply": failure.reply,
    }


def _holds_claim(message: Message) -> ColumnElement[bool]:
    """Whether `message` is still claimed as when it was read: a later claim has one attempt more."""
    return and_(Message.id == message.id, Message.state == MessageState.SENDING, Message.attempts == message.attempts)


def _is_due(now: datetime) -> ColumnElement[bool]:
    return and_(Message.state == MessageState.QUEUED, Message.next_attempt_at <= now)


def _wait(waits: list[timedelta], message: Message, now: datetime) -> timedelta:
    """Return the wait after this many attempts, but at most a quarter of the time that is left."""
    step = waits[min(message.attempts, len(waits)) - 1]
    limit = max((message.deadline - now) / 4, waits[0])
    return min(step, limit) * _jitter.uniform(0.8, 1.2)
