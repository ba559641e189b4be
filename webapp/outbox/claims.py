"""Which worker may send a message, and what happened to it; each change is one statement, safe on any machine.

A claim is a lease. The worker renews it while it is alive (`renew`); when the worker dies, the lease expires and
another one sends the message. So a message may be sent twice, but is never lost.
"""

import random
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update
from sqlalchemy.orm import Session

from webapp.outbox.models import MAX_AGE, Message, MessageState
from webapp.providers import Failure

LEASE = timedelta(seconds=30)
# Waits after the first, second … attempt.
MESSAGE_WAITS = [timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15),
                 timedelta(hours=1)]  # fmt: skip
# No lease and no wait is this long: a later time was written by a clock that has been set back since.
MAX_WAIT = timedelta(hours=3)

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
        .where(is_due(now))
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
    values = _final(MessageState.SENT, now) | failure_columns(None, None) | {"provider": provider}
    session.execute(update(Message).where(accepted).values(values))


def finish(
    session: Session,
    message: Message,
    now: datetime,
    state: MessageState,
    failure: Failure | None = None,
    provider: str = "",
) -> None:
    """Record that the message will not be sent any more (FAILED, EXPIRED, CANCELLED or UNCERTAIN), and why.

    One that may have arrived before is UNCERTAIN, not FAILED or EXPIRED.
    """
    if message.uncertain_at is not None and state in (MessageState.FAILED, MessageState.EXPIRED):
        state = MessageState.UNCERTAIN
    values = _final(state, now)
    if failure is not None:
        values |= {**failure_columns(failure, now), "provider": provider}
    session.execute(update(Message).where(_holds_claim(message)).values(values))


def cancel_queued(message: Message, now: datetime, code: str) -> None:
    """Record that a queued message, which the caller has locked, will not be sent; `code` says why."""
    message.state, message.finished_at, message.waits_for_server = MessageState.CANCELLED, now, False
    for name, value in failure_columns(Failure(LocalStage.PREPARING, code), now).items():
        setattr(message, name, value)


def reschedule(session: Session, message: Message, now: datetime, failure: Failure, provider: str = "") -> None:
    """Queue the message again after a failure that concerns only this message; waits grow with the attempts."""
    again = now + wait_after(message.attempts, MESSAGE_WAITS, message, now)
    requeue(session, message, again, failure, now, provider, waits_for_server=False)


def requeue(
    session: Session, message: Message, at: datetime, failure: Failure, now: datetime, provider: str, **more: Any
) -> None:
    """Queue the message again for this time, with the failure and other values of columns."""
    values = {"state": MessageState.QUEUED, "lease_expires_at": None, "next_attempt_at": at, "provider": provider}
    values |= failure_columns(failure, now) | more
    session.execute(update(Message).where(_holds_claim(message)).values(values))


def sweep(session: Session, now: datetime) -> None:
    """Expire what is too late, and queue again what a dead worker claimed."""
    queued = Message.state == MessageState.QUEUED
    late = or_(Message.expires_at <= now, and_(Message.expires_at.is_(None), Message.created_at <= now - MAX_AGE))
    ended = case((Message.uncertain_at.is_(None), MessageState.EXPIRED), else_=MessageState.UNCERTAIN)
    session.execute(update(Message).where(queued, late).values(_final(ended, now)))
    over = or_(Message.lease_expires_at < now, Message.lease_expires_at > now + MAX_WAIT)
    abandoned = and_(Message.state == MessageState.SENDING, over)
    session.execute(update(Message).where(abandoned).values(state=MessageState.QUEUED, lease_expires_at=None))
    session.execute(update(Message).where(queued, Message.next_attempt_at > now + MAX_WAIT).values(next_attempt_at=now))


def is_due(now: datetime) -> ColumnElement[bool]:
    """The condition for messages that may be sent now."""
    return and_(Message.state == MessageState.QUEUED, Message.next_attempt_at <= now)


def failure_columns(failure: Failure | None, failed_at: datetime | None) -> dict[str, Any]:
    """Return the values of the columns that hold a failure."""
    one = failure or Failure("")
    # One outage may have several causes; another cause after new settings is another trouble.
    same = or_(Message.waits_for_server, and_(Message.failure_stage == one.stage, Message.failure_code == one.code))
    return {
        "failed_at": failed_at,
        "failing_since": case((same, func.coalesce(Message.failing_since, failed_at)), else_=failed_at),
        "failure_stage": one.stage,
        "failure_code": one.code,
        "failure_params": dict(one.params),
        "failure_reply": one.reply,
    }


def wait_after(failures: int, waits: list[timedelta], message: Message, now: datetime) -> timedelta:
    """Return the wait after this many failures, but at most a quarter of the time that is left for the message."""
    step = waits[min(failures, len(waits)) - 1]
    limit = max((message.deadline - now) / 4, waits[0])
    return min(step, limit) * _jitter.uniform(0.8, 1.2)


def _final(state: MessageState | ColumnElement[str], now: datetime) -> dict[str, Any]:
    return {"state": state, "finished_at": now, "lease_expires_at": None, "waits_for_server": False}


def _holds_claim(message: Message) -> ColumnElement[bool]:
    """Whether `message` is still claimed as when it was read: a later claim has one attempt more."""
    return and_(Message.id == message.id, Message.state == MessageState.SENDING, Message.attempts == message.attempts)
