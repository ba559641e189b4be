"""Retry or cancel all messages that a filter shows, in chunks: nobody else waits for longer than for one of them."""

from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update
from sqlalchemy.orm import Session

from webapp.audit import service as audit
from webapp.audit.registry import EventType
from webapp.core import clock
from webapp.core.database import MAX_ID, Database
from webapp.mail.grants import service as grants
from webapp.outbox import audit_events, statistics
from webapp.outbox.claims import cancelled_values
from webapp.outbox.filters import Filter
from webapp.outbox.kinds import all_kinds
from webapp.outbox.listing import conditions
from webapp.outbox.models import MAX_AGE, Message, MessageState
from webapp.outbox.queue import wake_after_commit

CHUNK_SIZE = 2000


def count_retryable(session: Session, wanted: Filter) -> int:
    """Return how many messages `retry_all` would retry now."""
    return _count(session, wanted, _is_retryable(clock.now()))


def count_cancellable(session: Session, wanted: Filter) -> int:
    """Return how many messages `cancel_all` would cancel now."""
    return _count(session, wanted, _is_cancellable())


def retry_all(database: Database, wanted: Filter, filtered: Collection[str]) -> int:
    """Make messages due now, after all that somebody may wait for; return how many. `filtered` names the filters used.

    Which of them aren't wanted any more is found out when they are sent. Those that wait and may have arrived keep
    their wait.
    """
    now = clock.now()
    values = {
        "state": MessageState.QUEUED,
        "next_attempt_at": now,
        "finished_at": None,
        "bulk": case((Message.state == MessageState.QUEUED, Message.bulk), else_=True),
    }

    def retry(session: Session, some: ColumnElement[bool]) -> int:
        changed = session.scalars(update(Message).where(some).values(values).returning(Message.id)).all()
        wake_after_commit(session)
        return len(changed)

    with database.transaction() as session:
        grants.ask_again(session)
    return _in_chunks(database, wanted, _is_retryable(now), retry, audit_events.MESSAGES_RETRIED, filtered)


def cancel_all(database: Database, wanted: Filter, filtered: Collection[str]) -> int:
    """Don't send messages that wait; return how many. `filtered` names the filters used.

    Those that may have arrived, and those of kinds that warn people, are left alone.
    """
    now = clock.now()

    def cancel(session: Session, some: ColumnElement[bool]) -> int:
        values = cancelled_values(now, "by_administrator")
        changed = update(Message).where(some).values(values).returning(Message.kind)
        kinds = session.scalars(changed).all()
        statistics.count_finished(session, now, [(kind, MessageState.CANCELLED) for kind in kinds])
        return len(kinds)

    return _in_chunks(database, wanted, _is_cancellable(), cancel, audit_events.MESSAGES_CANCELLED, filtered)


def _is_retryable(now: datetime) -> ColumnElement[bool]:
    waits = and_(Message.state == MessageState.QUEUED, Message.uncertain_at.is_(None))
    ended = Message.state.in_((MessageState.FAILED, MessageState.UNCERTAIN))
    in_time = or_(Message.expires_at > now, and_(Message.expires_at.is_(None), Message.created_at > now - MAX_AGE))
    return and_(or_(waits, ended), in_time, Message.resent_as.is_(None))


def _is_cancellable() -> ColumnElement[bool]:
    warning = [kind.name for kind in all_kinds() if kind.warns]
    waits = and_(Message.state == MessageState.QUEUED, Message.uncertain_at.is_(None))
    return and_(waits, Message.kind.not_in(warning))


def _count(session: Session, wanted: Filter, which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count(Message.id)).where(*conditions(session, wanted), which)) or 0


def _in_chunks(
    database: Database,
    wanted: Filter,
    which: ColumnElement[bool],
    change: Callable[[Session, ColumnElement[bool]], int],
    event: EventType,
    filtered: Collection[str],
) -> int:
    """Change the messages, newest first, in transactions of their own; what is being sent meanwhile is left out.

    It is recorded first, so that the audit trail has it even if the process ends in between.
    """
    with database.transaction() as session:
        matching = [*conditions(session, wanted), which]
        number = session.scalar(select(func.count(Message.id)).where(*matching))
        if not number:
            return 0
        audit.record(session, event, messages=number, filtered=list(filtered))
    done, before = 0, MAX_ID
    while True:
        with database.transaction() as session:
            newest = select(Message.id).where(*matching, Message.id < before).order_by(Message.id.desc())
            ids = session.scalars(newest.limit(CHUNK_SIZE).with_for_update(skip_locked=True)).all()
            if ids:
                done += change(session, Message.id.in_(ids))
        if len(ids) < CHUNK_SIZE:
            return done
        before = ids[-1]
