"""What waits when the mail servers fail: the whole route, or at first only the message that may be the cause."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, and_, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from webapp.mail.transport.rejections import SESSION_STAGES, concerns_everyone
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
from webapp.outbox.models import Message, MessageState
from webapp.outbox.routing import EVERYTHING, Route
from webapp.providers import Failure

# Waits after the first, second … failure of the server. Shorter than those of a message that fails by itself, because
# one message is tried on behalf of all.
SERVER_WAITS = [timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5)]
SETTINGS_WAIT = timedelta(minutes=5)
UNCERTAIN_WAIT = timedelta(hours=1)
# Separates messages that wait together, so that one is tried before the others.
TRY_FIRST = timedelta(seconds=1)
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


def suspend(session: Session, message: Message, now: datetime, failure: Failure, provider: str, route: Route) -> bool:
    """Have messages wait after a failure that other messages may have too; return whether others go on.

    If they don't, what else its run has claimed is queued again and waits with the others. Everything that is due
    in the route waits, and this message is the next to be tried, so that its attempts make the waits grow. At the
    SESSION_STAGES this message may be the cause, unless the reply rules that out, and waits alone at first.
    """
    if _may_be_cause(failure):
        again = now + wait_after(message.attempts, MESSAGE_WAITS, message, now)
        return _hold_suspect(session, message, again, failure, now, provider, route)
    settings = failure.stage == LocalStage.SETTINGS
    rounds = route.rounds(message.attempts)
    again = now + (SETTINGS_WAIT if settings else wait_after(rounds, SERVER_WAITS, message, now))
    _suspend_others(session, message, again + TRY_FIRST, failure, now, provider, route)
    requeue(message, again, failure, now, provider, waits_for_server=True, suspect=False)
    return False


def hold_uncertain(
    session: Session, message: Message, now: datetime, failure: Failure, provider: str, route: Route
) -> bool:
    """Have a message wait that the server may have accepted; return whether others go on.

    It is sent once more, much later but before its link expires. After that it is UNCERTAIN.
    """
    if message.uncertain_at is not None:
        finish(message, now, MessageState.UNCERTAIN, failure, provider)
        return True
    again = now + min(UNCERTAIN_WAIT, (message.deadline - now) / 2)
    return _hold_suspect(session, message, again, failure, now, provider, route, uncertain_at=now)


def suspend_new(session: Session, now: datetime, route: Route = EVERYTHING) -> None:
    """Have new messages of a route wait with those that wait for its servers already.

    So a server that rejects us is asked once per wait, not once per message: many lock an account after a few
    failed sign-ins. A server that lets us in gets each new message at once.
    """
    waiting = next_to_try(session, route)
    if waiting is None or waiting.next_attempt_at <= now or _may_be_cause(waiting.failure):
        return
    new = and_(is_due(now), Message.attempts == 0, ~Message.waits_for_server)
    values = {
        "waits_for_server": True,
        "next_attempt_at": waiting.next_attempt_at + TRY_FIRST,
        **failure_columns(waiting.failure, waiting.failed_at),
        "failing_since": waiting.failing_since,
    }
    _update(session, and_(new, *route.conditions), values)


def resume(session: Session, now: datetime, run: str = "", route: Route = EVERYTHING) -> None:
    """Make what waits for the servers of a route due, because one works again; suspects keep waits of their own.

    What `run` has claimed isn't waiting for the server any more either.
    """
    waits = {"waits_for_server": False}
    # Usually there are none, and then the many others are not looked through.
    if session.scalar(_FIRST_WAITING.where(*route.conditions)) is not None:
        _update(session, and_(_WAITING, *route.conditions), {"next_attempt_at": now, **waits}, suspects=waits)
    session.connection().execute(_TAKE_OUT, {"run": run})


def forget(session: Session, now: datetime) -> None:
    """Make queued messages due, because the settings that they may wait for have changed.

    Those that may have arrived already keep their wait.
    """
    at = case((Message.uncertain_at.is_(None), now), else_=Message.next_attempt_at)
    values = {"waits_for_server": False, "suspect": False, "next_attempt_at": at}
    _update(session, IS_QUEUED, values, suspects=values)


def next_to_try(session: Session, route: Route = EVERYTHING) -> Message | None:
    """Return the message that is tried next of those that failed and wait for the servers of a route."""
    return session.scalar(_NEXT_TO_TRY.where(*route.conditions))


def _may_be_cause(failure: Failure | None) -> bool:
    """Return whether the message may be the cause of a failure that others may have too."""
    if failure is None or failure.stage not in SESSION_STAGES:
        return False
    return not concerns_everyone(failure.stage, failure.reply)


def _hold_suspect(
    session: Session,
    message: Message,
    again: datetime,
    failure: Failure,
    now: datetime,
    provider: str,
    route: Route,
    uncertain_at: datetime | None = None,
) -> bool:
    """Have a message wait that may be the cause of its failure; return whether others go on.

    They do until a message to somebody else fails as well before any gets through: that is the server's trouble.
    """
    # Others have got through since it failed first.
    is_cause = message.suspect and not message.waits_for_server
    suspects = 0 if is_cause else _count_other_suspects(session, message, route)
    if suspects:
        until = now + wait_after(suspects + 1, SERVER_WAITS, message, now)
        _suspend_others(session, message, until, failure, now, provider, route)
        again = max(again, until + TRY_FIRST)
    marks = {"suspect": True, "waits_for_server": not is_cause, "uncertain_at": uncertain_at or message.uncertain_at}
    requeue(message, again, failure, now, provider, **marks)
    return not suspects


def _suspend_others(
    session: Session, message: Message, until: datetime, failure: Failure, now: datetime, provider: str, route: Route
) -> None:
    """Have what is due in the route, or waits for its servers, wait until then, and suspects longer than the others."""
    if message.claimed_by:
        release_untried(session, message.claimed_by, but=message.id)
    waits = and_(Message.waits_for_server, Message.next_attempt_at < until)
    others = and_(IS_QUEUED, or_(Message.next_attempt_at <= now, waits), *route.conditions)
    later = {"next_attempt_at": until + TRY_FIRST, "waits_for_server": True}
    values = {"next_attempt_at": until, "waits_for_server": True, "provider": provider}
    _update(session, others, values | failure_columns(failure, now), suspects=later)


def _count_other_suspects(session: Session, message: Message, route: Route) -> int:
    """Count the messages to others that failed like this one, without any getting through since."""
    waiting = and_(IS_QUEUED, Message.suspect, Message.waits_for_server, *route.conditions)
    others = select(func.count(Message.id)).where(waiting, Message.recipient != message.recipient)
    return session.scalar(others) or 0


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
