"""What waits when the mail servers fail: the whole lane, or at first only the message that may be the cause."""

from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from webapp.mail.transcript import Stage
from webapp.mail.transport.rejections import concerns_everyone
from webapp.outbox.claims import (
    IS_QUEUED,
    MESSAGE_WAITS,
    LocalStage,
    failure_columns,
    finish,
    is_due,
    release_untried,
    requeue,
    wait_after,
)
from webapp.outbox.lanes import EVERYTHING, Lane
from webapp.outbox.models import Message, MessageState
from webapp.providers import Failure

# Waits after the first, second … failure of the server. Shorter than those of a message that fails by itself, because
# one message is tried on behalf of all.
SERVER_WAITS = [timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5)]
SETTINGS_WAIT = timedelta(minutes=5)
UNCERTAIN_WAIT = timedelta(hours=1)
# Separates messages that wait together, so that one is tried before the others.
TRY_FIRST = timedelta(seconds=1)
# From here on the server knows something of the message, so the message may be the cause of a failure.
SUSPECT_STAGES = (Stage.MAIL, Stage.RCPT, Stage.DATA)
T = TypeVar("T")
# Statements of each batch: building one takes longer than running it.
_WAITING = and_(IS_QUEUED, Message.waits_for_server)
_FIRST_WAITING = select(Message.id).where(_WAITING).order_by(Message.next_attempt_at).limit(1)
_NEXT_TO_TRY = (
    select(Message).where(_WAITING, Message.failure_stage != "").order_by(Message.next_attempt_at, Message.id).limit(1)
)
_TAKE_OUT = (
    update(Message)
    .where(
        Message.state == MessageState.SENDING,
        Message.claimed_by == bindparam("run", type_=String()),
        Message.waits_for_server,
    )
    .values(waits_for_server=False)
)


def suspend(
    session: Session, message: Message, now: datetime, failure: Failure, provider: str, lane: Lane = EVERYTHING
) -> bool:
    """Have messages wait after a failure that other messages may have too; return whether others go on.

    If they don't, what else its run has claimed is queued again and waits with the others. Everything that is due
    in the lane waits, and this message is the next to be tried, so that its attempts make the waits grow. At the
    SUSPECT_STAGES this message may be the cause, unless the reply rules that out, and waits alone at first.
    """
    if _may_be_cause(failure):
        again = now + wait_after(message.attempts, MESSAGE_WAITS, message, now)
        return _hold_suspect(session, message, again, failure, now, provider, lane)
    settings = failure.stage == LocalStage.SETTINGS
    rounds = lane.rounds(message.attempts)
    again = now + (SETTINGS_WAIT if settings else wait_after(rounds, SERVER_WAITS, message, now))
    _suspend_others(session, message, again + TRY_FIRST, failure, now, provider, lane)
    requeue(message, again, failure, now, provider, waits_for_server=True, suspect=False)
    return False


def hold_uncertain(
    session: Session, message: Message, now: datetime, failure: Failure, provider: str, lane: Lane = EVERYTHING
) -> bool:
    """Have a message wait that the server may have accepted; return whether others go on.

    It is sent once more, much later but before its link expires. After that it is UNCERTAIN.
    """
    if message.uncertain_at is not None:
        finish(message, now, MessageState.UNCERTAIN, failure, provider)
        return True
    again = now + min(UNCERTAIN_WAIT, (message.deadline - now) / 2)
    return _hold_suspect(session, message, again, failure, now, provider, lane, uncertain_at=now)


def suspend_new(session: Session, now: datetime, lane: Lane = EVERYTHING) -> None:
    """Have new messages of a lane wait with those that wait for its servers already.

    So a server that rejects us is asked once per wait, not once per message: many lock an account after a few
    failed sign-ins. A server that lets us in gets each new message at once.
    """
    waiting = next_to_try(session, lane)
    if waiting is None or waiting.next_attempt_at <= now or _may_be_cause(waiting.failure):
        return
    new = and_(is_due(now), Message.attempts == 0, ~Message.waits_for_server)
    values = {
        "waits_for_server": True,
        "next_attempt_at": waiting.next_attempt_at + TRY_FIRST,
        **failure_columns(waiting.failure, waiting.failed_at),
        "failing_since": waiting.failing_since,
    }
    _update(session, _within(lane, new), values)


def resume(session: Session, now: datetime, run: str = "", lane: Lane = EVERYTHING) -> None:
    """Make what waits for the servers of a lane due, because one works again; suspects keep waits of their own.

    What `run` has claimed isn't waiting for the server any more either.
    """
    waits = {"waits_for_server": False}
    # Usually there are none, and then the many others are not looked through.
    if session.scalar(_restricted(_FIRST_WAITING, lane)) is not None:
        _update(session, _within(lane, _WAITING), {"next_attempt_at": now, **waits}, suspects=waits)
    session.connection().execute(_TAKE_OUT, {"run": run})


def forget(session: Session, now: datetime) -> None:
    """Make queued messages due, because the settings that they may wait for have changed.

    Those that may have arrived already keep their wait.
    """
    at = case((Message.uncertain_at.is_(None), now), else_=Message.next_attempt_at)
    values = {"waits_for_server": False, "suspect": False, "next_attempt_at": at}
    _update(session, IS_QUEUED, values, suspects=values)


def next_to_try(session: Session, lane: Lane = EVERYTHING) -> Message | None:
    """Return the message that is tried next of those that failed and wait for the servers of a lane."""
    return session.scalar(_restricted(_NEXT_TO_TRY, lane))


def _may_be_cause(failure: Failure | None) -> bool:
    """Return whether the message may be the cause of a failure that others may have too."""
    if failure is None or failure.stage not in SUSPECT_STAGES:
        return False
    return not concerns_everyone(failure.stage, failure.reply)


def _hold_suspect(
    session: Session,
    message: Message,
    again: datetime,
    failure: Failure,
    now: datetime,
    provider: str,
    lane: Lane,
    uncertain_at: datetime | None = None,
) -> bool:
    """Have a message wait that may be the cause of its failure; return whether others go on.

    They do until a message to somebody else fails as well before any gets through: that is the server's trouble.
    """
    # Others have got through since it failed first.
    is_cause = message.suspect and not message.waits_for_server
    suspects = 0 if is_cause else _count_other_suspects(session, message, lane)
    if suspects:
        until = now + wait_after(suspects + 1, SERVER_WAITS, message, now)
        _suspend_others(session, message, until, failure, now, provider, lane)
        again = max(again, until + TRY_FIRST)
    marks = {"suspect": True, "waits_for_server": not is_cause, "uncertain_at": uncertain_at or message.uncertain_at}
    requeue(message, again, failure, now, provider, **marks)
    return not suspects


def _suspend_others(
    session: Session, message: Message, until: datetime, failure: Failure, now: datetime, provider: str, lane: Lane
) -> None:
    """Have what is due in the lane, or waits for its servers, wait until then, and suspects longer than the others."""
    if message.claimed_by:
        release_untried(session, message.claimed_by, but=message.id)
    waits = and_(Message.waits_for_server, Message.next_attempt_at < until)
    others = _within(lane, and_(IS_QUEUED, or_(Message.next_attempt_at <= now, waits)))
    later = {"next_attempt_at": until + TRY_FIRST, "waits_for_server": True}
    values = {"next_attempt_at": until, "waits_for_server": True, "provider": provider}
    _update(session, others, values | failure_columns(failure, now), suspects=later)


def _count_other_suspects(session: Session, message: Message, lane: Lane) -> int:
    """Count the messages to others that failed like this one, without any getting through since."""
    waiting = _within(lane, and_(IS_QUEUED, Message.suspect, Message.waits_for_server))
    others = select(func.count(Message.id)).where(waiting, Message.recipient != message.recipient)
    return session.scalar(others) or 0


def _within(lane: Lane, which: ColumnElement[bool]) -> ColumnElement[bool]:
    return which if lane.condition is None else and_(which, lane.condition)


def _restricted(statement: Select[T], lane: Lane) -> Select[T]:
    """Return the prepared statement for a lane; while there is one, as it is."""
    return statement if lane.condition is None else statement.where(lane.condition)


def _update(
    session: Session, which: ColumnElement[bool], values: dict[str, Any], suspects: dict[str, Any] | None = None
) -> None:
    """Change many messages, and suspects among them otherwise, or not at all.

    They are locked in one order, so that no two workers that do this wait for each other.
    """
    for condition, some in ((Message.suspect, suspects), (~Message.suspect, values)):
        if some:
            locked = select(Message.id).where(which, condition).order_by(Message.id).with_for_update()
            session.execute(update(Message).where(Message.id.in_(locked)).values(some))
