"""Who may send a message now, and what became of it: each a single statement that holds on every machine.

A claim is a lease. The worker that holds it renews it while it lives (`renew`); when it dies, the
claim lapses and another worker sends the message. So a message can go out twice, but never not at all.
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
# Waits after the first, second … attempt. A server that is down is asked by one message for all,
# so it is asked more often.
MESSAGE_WAITS = [timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15),
                 timedelta(hours=1)]  # fmt: skip
SERVER_WAITS = [timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5)]
SETTINGS_WAIT = timedelta(minutes=5)
# No claim and no wait is that long: what is noted for later was noted by a clock that was set back since.
IMPOSSIBLE = timedelta(hours=3)
# Puts one message before others that wait for the same moment.
A_LITTLE_LATER = timedelta(seconds=1)
# At these stages it may be the message after all that made the server hang up.
SUSPECT_STAGES = ("rcpt", "data")

NO_FAILURE = Failure("")

_jitter = random.SystemRandom()


class LocalStage(StrEnum):
    """Stages before a server is asked anything."""

    SETTINGS = "settings"
    PREPARING = "preparing"


def claim(session: Session, now: datetime) -> Message | None:
    """Take the message that is due for longest; nobody else has it until `lease_expires_at`.

    Of those due since the same moment the one with the fewest attempts comes first, so that what
    fails again and again comes last.
    """
    due = (
        select(Message.id)
        .where(Message.state == MessageState.QUEUED, Message.next_attempt_at <= now)
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
    """Keep the claims on the messages that are being sent right now."""
    ours = and_(Message.id.in_(ids), Message.state == MessageState.SENDING)
    session.execute(update(Message).where(ours).values(lease_expires_at=until))


def sent(session: Session, message: Message, now: datetime, provider: str) -> None:
    """It was accepted: true also when our claim lapsed meanwhile."""
    session.execute(
        update(Message)
        .where(Message.id == message.id, Message.state.in_((MessageState.SENDING, MessageState.QUEUED)))
        .values(_end(MessageState.SENT, now) | _failure_columns(NO_FAILURE) | {"provider": provider})
    )


def finish(
    session: Session,
    message: Message,
    now: datetime,
    state: MessageState,
    failure: Failure | None = None,
    provider: str = "",
) -> None:
    """It will not be sent: FAILED, EXPIRED or DROPPED, and why."""
    values = _end(state, now)
    if failure is not None:
        values |= {**_failure_columns(failure), "provider": provider}
    session.execute(update(Message).where(_held_claim(message)).values(values))


def reschedule(session: Session, message: Message, now: datetime, failure: Failure, provider: str = "") -> None:
    """It is owed again after a wait that grows with the attempts; something about this message failed."""
    wait = _wait(MESSAGE_WAITS, message, now)
    values = {
        "state": MessageState.QUEUED,
        "lease_expires_at": None,
        "waits_for_server": False,
        "next_attempt_at": now + wait,
    }
    session.execute(
        update(Message).where(_held_claim(message)).values(values | _failure_columns(failure) | {"provider": provider})
    )


def suspend(session: Session, message: Message, now: datetime, failure: Failure, provider: str = "") -> None:
    """Nothing can be sent for now: this message and everything due waits.

    The same message asks again, so that its attempts make the waits grow; but where it may be to
    blame itself, another one asks.
    """
    again = now + (SETTINGS_WAIT if failure.stage == LocalStage.SETTINGS else _wait(SERVER_WAITS, message, now))
    after = again + A_LITTLE_LATER
    this, others = (after, again) if failure.stage in SUSPECT_STAGES else (again, after)
    values: dict[str, Any] = {"state": MessageState.QUEUED, "lease_expires_at": None, "waits_for_server": True}
    values |= {**_failure_columns(failure), "provider": provider}
    session.execute(update(Message).where(_due(now)).values(values | {"next_attempt_at": others}))
    session.execute(update(Message).where(_held_claim(message)).values(values | {"next_attempt_at": this}))


def suspend_newcomers(session: Session, now: datetime) -> None:
    """Have what became due join those that wait for the server already, if its next try is yet to come.

    So a server that refuses us is asked once per wait, not once per message: many lock an account
    after some refused sign-ins.
    """
    first = (
        select(Message)
        .where(Message.state == MessageState.QUEUED, Message.waits_for_server)
        .order_by(Message.next_attempt_at, Message.id)
        .limit(1)
    )
    waiting = session.scalar(first)
    if waiting is not None and waiting.next_attempt_at > now:
        reason = _failure_columns(waiting.failure or NO_FAILURE)
        values = {"waits_for_server": True, "next_attempt_at": waiting.next_attempt_at + A_LITTLE_LATER, **reason}
        session.execute(update(Message).where(_due(now), Message.attempts == 0).values(values))


def resume(session: Session, now: datetime) -> None:
    """The server works again: what waited for it is due."""
    held = and_(Message.state == MessageState.QUEUED, Message.waits_for_server)
    session.execute(update(Message).where(held).values(waits_for_server=False, next_attempt_at=now))


def sweep(session: Session, now: datetime) -> None:
    """End what is too late, and free what a dead worker held."""
    late = or_(Message.expires_at <= now, and_(Message.expires_at.is_(None), Message.created_at <= now - MAX_AGE))
    session.execute(
        update(Message).where(Message.state == MessageState.QUEUED, late).values(_end(MessageState.EXPIRED, now))
    )
    over = or_(Message.lease_expires_at < now, Message.lease_expires_at > now + IMPOSSIBLE)
    lapsed = and_(Message.state == MessageState.SENDING, over)
    session.execute(update(Message).where(lapsed).values(state=MessageState.QUEUED, lease_expires_at=None))
    far_off = and_(Message.state == MessageState.QUEUED, Message.next_attempt_at > now + IMPOSSIBLE)
    session.execute(update(Message).where(far_off).values(next_attempt_at=now))


def _failure_columns(failure: Failure) -> dict[str, Any]:
    return {
        "failure_stage": failure.stage,
        "failure_code": failure.code,
        "failure_params": dict(failure.params),
        "failure_reply": failure.reply,
    }


def _end(state: MessageState, now: datetime) -> dict[str, Any]:
    return {"state": state, "finished_at": now, "lease_expires_at": None, "waits_for_server": False}


def _held_claim(message: Message) -> ColumnElement[bool]:
    """The claim that came with `message`, if it has not lapsed and been taken by somebody else."""
    return and_(Message.id == message.id, Message.state == MessageState.SENDING, Message.attempts == message.attempts)


def _due(now: datetime) -> ColumnElement[bool]:
    return and_(Message.state == MessageState.QUEUED, Message.next_attempt_at <= now)


def _wait(waits: list[timedelta], message: Message, now: datetime) -> timedelta:
    """The step for this many attempts, but no more than a quarter of the time that is left."""
    step = waits[min(message.attempts, len(waits)) - 1]
    left = max((message.deadline - now) / 4, waits[0])
    return min(step, left) * _jitter.uniform(0.8, 1.2)
