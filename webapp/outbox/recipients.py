"""Whose the messages are that were queued without looking anybody up, such as a requested reset."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, false, or_, select
from sqlalchemy.orm import Session

from webapp.outbox import statistics
from webapp.outbox.claims import IS_QUEUED, cancel_queued
from webapp.outbox.kinds import Unwanted, all_kinds
from webapp.outbox.models import Message, MessageState


def find_recipients(session: Session, now: datetime) -> None:
    """Look up whose the new messages are; those for nobody don't even wait for a server that is down."""
    cancelled = []
    for kind in all_kinds():
        if kind.find_user is None:
            continue
        for message in session.scalars(_unknown(kind.name), {"now": now}).all():
            try:
                message.user_id = kind.find_user(session, message.recipient)
            except Unwanted as error:
                cancel_queued(message, now, error.code)
                cancelled.append((message.kind, message.state))
    session.flush()
    statistics.count_finished(session, now, cancelled)


def looked_up_kinds() -> tuple[str, ...]:
    """Return the names of the kinds that are queued without looking anybody up."""
    return tuple(kind.name for kind in all_kinds() if kind.find_user)


def is_for_nobody(of: Any = Message, looked_up: Collection[str] | None = None) -> ColumnElement[bool]:
    """The condition for messages to an address that nobody uses, as far as that was looked up.

    `of` has the columns: those of the table, or of a query that has them, too. `looked_up` is what `looked_up_kinds`
    returns, for queries that are built once.
    """
    names = looked_up_kinds() if looked_up is None else looked_up
    unknown = or_(false(), *[_is_unknown(name, of) for name in names])
    return and_(unknown, or_(of.attempts == 0, of.state == MessageState.CANCELLED))


@cache
def _unknown(kind_name: str) -> Select[Message]:
    """Return the statement that locks new messages of this kind. Building it takes longer than running it."""
    due = and_(IS_QUEUED, Message.next_attempt_at <= bindparam("now"))
    # Bulk messages are queued for somebody; looking through a million of them would take a while.
    new = select(Message).where(due, _is_unknown(kind_name), Message.attempts == 0, ~Message.bulk)
    return new.with_for_update(skip_locked=True)


def _is_unknown(kind_name: str, of: Any = Message) -> ColumnElement[bool]:
    return and_(of.kind == kind_name, of.user_id.is_(None))
