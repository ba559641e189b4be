"""Which worker may send a message, and what happened to it.

A claim is a lease, held by a run of deliveries. The worker renews the leases of its runs while it is alive (`renew`);
when it dies, they expire and another one sends the messages. So a message may be sent twice, but is never lost.
Before a claim is freed, the message is looked at: it may be marked as sent.
"""

import random
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    String,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from webapp.core.database import UtcDateTime
from webapp.outbox import attempts, statistics
from webapp.outbox.models import MAX_AGE, Message, MessageState, deadline_of, identity_of
from webapp.outbox.routing import EVERYTHING, Route
from webapp.outbox.signals import messages_ended
from webapp.providers import Failure

LEASE = timedelta(seconds=20)
# A claim that is older is not renewed: whatever was to send its messages hangs.
MAX_CLAIM = timedelta(minutes=15)
# Waits after the first, second … attempt.
MESSAGE_WAITS = [timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15),
                 timedelta(hours=1)]  # fmt: skip
# No wait is this long, and no lease anything like as long: a later time was written by a clock that has been set back.
MAX_WAIT, MAX_LEASE = timedelta(hours=3), timedelta(minutes=5)
# By how much the clocks of several machines may differ.
CLOCK_TOLERANCE = timedelta(minutes=1)
FREE: dict[str, Any] = {"lease_expires_at": None, "claimed_by": None, "mail_server_id": None}
# Written out in statements, because SQLite uses a partial index only for what it can read.
IS_QUEUED = Message.state == literal(MessageState.QUEUED.value, literal_execute=True)

_jitter = random.SystemRandom()


class LocalStage(StrEnum):
    """The stages before any server is asked."""

    SETTINGS = "settings"
    PREPARING = "preparing"


class Claimed(NamedTuple):
    """What sending needs of a message, as in the columns of the same names."""

    id: int
    kind: str
    recipient: str
    user_id: int | None
    data: dict[str, Any]
    submission_id: int | None
    created_at: datetime
    expires_at: datetime | None
    next_attempt_at: datetime
    attempts: int
    failed_at: datetime | None

    @property
    def identity(self) -> str:
        """What no other message has ever had."""
        return identity_of(self.id, self.created_at)

    @property
    def deadline(self) -> datetime:
        """The time after which the message isn't sent."""
        return deadline_of(self.created_at, self.expires_at)

    @property
    def due_at(self) -> datetime:
        """When it was due first. One that has waited for a retry was due when it was queued, as far as is known."""
        return self.next_attempt_at if self.attempts == 1 and self.failed_at is None else self.created_at


_COLUMNS = [getattr(Message, name) for name in Claimed._fields]


def claim(
    session: Session,
    now: datetime,
    size: int,
    run: str,
    bulk_size: int | None = None,
    route: Route = EVERYTHING,
    server_id: int | None = None,
) -> list[Claimed]:
    """Take the messages of a route that have been due for longest; nobody else gets them until their leases expire.

    They count against the limits of this server. Bulk ones come last, and are no more than make `bulk_size` with the
    others. Among those due since the same time, the one with the fewest attempts comes first, so that a message that
    keeps failing comes last.
    """
    values = {"at": now, "until": now + LEASE, "run": run, "server": server_id}
    claimed = _claim(session, size, False, route, values)
    bulk_left = min(size, size if bulk_size is None else bulk_size) - len(claimed)
    if bulk_left > 0:
        claimed += _claim(session, bulk_left, True, route, values)
    return claimed


def held(session: Session, message_id: int, run: str) -> Message | None:
    """Return the message, locked, if this run still holds its claim."""
    ours = and_(Message.id == message_id, _claimed_by(run))
    return session.scalar(select(Message).where(ours).with_for_update().execution_options(populate_existing=True))


def try_again(message: Message, now: datetime, server_id: int | None, uncertain: bool) -> None:
    """Begin an attempt by this server of a message that the run holds; `uncertain` says that it may have arrived."""
    message.attempts, message.last_attempt_at, message.lease_expires_at = message.attempts + 1, now, now + LEASE
    message.mail_server_id = server_id
    if uncertain:
        message.uncertain_at = now


def renew(session: Session, worker: str, now: datetime) -> None:
    """Extend the leases of what the runs of this worker hold and have not held for too long."""
    ours = and_(_claimed_by_worker(worker), Message.last_attempt_at > now - MAX_CLAIM)
    session.execute(update(Message).where(_unlocked(ours)).values(lease_expires_at=now + LEASE))


def release_untried(session: Session, run: str, but: int = 0) -> None:
    """Queue again what this run holds and has not tried, all but the message with this id; no attempt is counted.

    What the run has sent must have been recorded before.
    """
    session.connection().execute(_RELEASE_UNTRIED, {"run": run, "but": but})


def release(session: Session, worker: str, now: datetime) -> None:
    """Queue again what the runs of this worker hold, because it has died."""
    _free(session, _claimed_by_worker(worker), now)


def sweep(session: Session, now: datetime) -> None:
    """Queue again what a worker claimed that has died or can't renew its leases."""
    over = or_(Message.lease_expires_at < now, Message.lease_expires_at > now + MAX_LEASE)
    _free(session, and_(Message.state == MessageState.SENDING, over), now)


def expire(session: Session, now: datetime) -> None:
    """End what is too late, and have nothing wait for a time that a clock meant which has been set back since."""
    late = or_(Message.expires_at <= now, and_(Message.expires_at.is_(None), Message.created_at <= now - MAX_AGE))
    ended = case((Message.uncertain_at.is_(None), MessageState.EXPIRED), else_=MessageState.UNCERTAIN)
    expired = update(Message).where(_unlocked(and_(IS_QUEUED, late))).values(_final(ended, now))
    finished = session.execute(expired.returning(Message.id, Message.kind, Message.state)).all()
    written_at = func.coalesce(Message.last_attempt_at, Message.created_at)
    is_wrong = or_(Message.next_attempt_at > now + MAX_WAIT, written_at > now + CLOCK_TOLERANCE)
    wrong = update(Message).where(_unlocked(and_(IS_QUEUED, Message.next_attempt_at > now, is_wrong)))
    session.execute(wrong.values(next_attempt_at=now))
    statistics.count_finished(session, now, [(kind, state) for _id, kind, state in finished])
    messages_ended.send(session=session, ids=[message_id for message_id, *_more in finished], replies={})


def next_due(session: Session, now: datetime) -> datetime | None:
    """Return when the next queued message is due that isn't due yet."""
    later = select(func.min(Message.next_attempt_at)).where(IS_QUEUED, Message.next_attempt_at > now)
    found = [session.scalar(later.where(Message.bulk == bulk)) for bulk in (False, True)]
    return min((one for one in found if one is not None), default=None)


def finish(
    message: Message, now: datetime, state: MessageState, failure: Failure | None = None, provider: str = ""
) -> None:
    """Record that the message will not be sent any more (FAILED, EXPIRED, CANCELLED or UNCERTAIN), and why.

    One that may have arrived before is UNCERTAIN, not FAILED or EXPIRED.
    """
    if message.uncertain_at is not None and state in (MessageState.FAILED, MessageState.EXPIRED):
        state = MessageState.UNCERTAIN
    values = _final(state, now)
    if failure is not None:
        values |= {**failure_columns(failure, now), "provider": provider}
    _set(message, values)


def cancel_queued(message: Message, now: datetime, code: str) -> None:
    """Record that a queued message, which the caller has locked, will not be sent; `code` says why."""
    _set(message, cancelled_values(now, code))


def cancelled_values(now: datetime, code: str) -> dict[str, Any]:
    """Return the values of a message that will not be sent; `code` says why."""
    return _final(MessageState.CANCELLED, now) | failure_columns(Failure(LocalStage.PREPARING, code), now)


def reschedule(message: Message, now: datetime, failure: Failure, provider: str = "") -> None:
    """Queue the message again after a failure that concerns only this message; waits grow with the attempts."""
    again = now + wait_after(message.attempts, MESSAGE_WAITS, message, now)
    requeue(message, again, failure, now, provider, waits_for_server=False)


def requeue(message: Message, at: datetime, failure: Failure, now: datetime, provider: str, **more: Any) -> None:
    """Queue the message again for this time, with the failure and other values of columns."""
    values = {"state": MessageState.QUEUED, "next_attempt_at": at, "provider": provider, **FREE}
    _set(message, values | failure_columns(failure, now) | more)


def is_due(now: datetime) -> ColumnElement[bool]:
    """The condition for messages that may be sent now."""
    return and_(IS_QUEUED, Message.next_attempt_at <= now)


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


def _claim(session: Session, size: int, bulk: bool, route: Route, values: dict[str, Any]) -> list[Claimed]:
    claimed = session.connection().execute(_claiming(bulk, route), {"size": size, **values})
    return sorted((Claimed(*row) for row in claimed), key=lambda one: (one.next_attempt_at, one.attempts, one.id))


@lru_cache(maxsize=64)
def _claiming(bulk: bool, route: Route) -> ReturningUpdate[Any]:
    """Return the statement that claims. Building one takes longer than running it."""
    now = bindparam("at", type_=UtcDateTime())
    due = (
        select(Message.id)
        .where(IS_QUEUED, Message.next_attempt_at <= now, Message.bulk == bulk, *route.conditions)
        .order_by(Message.next_attempt_at, Message.attempts, Message.id)
        .limit(bindparam("size", type_=Integer()))
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    values = {
        "state": MessageState.SENDING,
        "lease_expires_at": bindparam("until", type_=UtcDateTime()),
        "claimed_by": bindparam("run"),
        "mail_server_id": bindparam("server", type_=Integer()),
        "attempts": Message.attempts + 1,
        "last_attempt_at": now,
    }
    return update(Message).where(Message.id.in_(select(due.c.id)), IS_QUEUED).values(values).returning(*_COLUMNS)


def _free(session: Session, which: ColumnElement[bool], now: datetime) -> None:
    """Queue again what is claimed, unless it was sent."""
    attempts.fold_marked(session, which, now)
    # What was locked until now may be marked, too.
    unsent = _unlocked(and_(which, ~attempts.IS_MARKED))
    session.execute(update(Message).where(unsent).values(state=MessageState.QUEUED, **FREE))


def _claimed_by(run: str | BindParameter[str]) -> ColumnElement[bool]:
    return and_(Message.state == MessageState.SENDING, Message.claimed_by == run)


def _claimed_by_worker(worker: str) -> ColumnElement[bool]:
    return and_(Message.state == MessageState.SENDING, Message.claimed_by.startswith(f"{worker}/", autoescape=True))


def _unlocked(which: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition for those of these messages that no other transaction is changing."""
    return Message.id.in_(select(Message.id).where(which).with_for_update(skip_locked=True))


def _final(state: MessageState | ColumnElement[str], now: datetime) -> dict[str, Any]:
    return {"state": state, "finished_at": now, "waits_for_server": False, **FREE}


def _set(message: Message, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(message, name, value)


_RELEASE_UNTRIED = (
    update(Message)
    .where(_claimed_by(bindparam("run", type_=String())), Message.id != bindparam("but", type_=Integer()))
    .values(state=MessageState.QUEUED, attempts=Message.attempts - 1, **FREE)
)
