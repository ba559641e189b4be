"""Whether email is being delivered, and if not, since when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Row,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session

from webapp.core import workers
from webapp.mail import servers
from webapp.mail.models import MailServer
from webapp.outbox import recipients
from webapp.outbox.claims import IS_QUEUED
from webapp.outbox.limits import Reached, limit_reached
from webapp.outbox.models import UNDELIVERED, Attempt, AttemptResult, Message, MessageState
from webapp.providers import Failure

AnyRow = Row[*tuple[Any, ...]]
# How long Home shows what was not delivered.
RECENTLY = timedelta(days=7)
# Up to how many of each state it counts.
COUNTED = 500
# Mail is not going out when messages are due and none was sent for so long, whatever the reason.
STANDSTILL = timedelta(minutes=5)
# The stage of a failure that no message had.
STANDING_STILL = "standing_still"
_WAITING_STATES = (MessageState.QUEUED, MessageState.SENDING)
_WAITING = select(func.count(Message.id)).where(Message.state.in_(_WAITING_STATES))
# Ids grow with time, and the smallest of a state is found at once.
_OLDEST = [select(func.min(Message.id)).where(Message.state == state).scalar_subquery() for state in _WAITING_STATES]
_WAITING_SINCE = select(func.min(Message.created_at)).where(or_(*(Message.id == one for one in _OLDEST)))
# In two parts, as the index of what is due begins with what is not bulk.
_DUE_SINCE, _BULK_DUE_SINCE = (
    select(func.min(Message.next_attempt_at)).where(IS_QUEUED, Message.bulk == is_bulk) for is_bulk in (false(), true())
)
# What waits for the server, or is being tried on behalf of all. That others wait with it, or that messages to several
# people failed, shows that it is the server's trouble. Those tried next are enough to know, of however many.
MAX_HELD = 1000
_HELD_COLUMNS = (Message.id, Message.failing_since, Message.suspect, Message.recipient)
_IS_HELD = and_(Message.waits_for_server, Message.failure_stage != "")
_TRIED_NEXT = select(*_HELD_COLUMNS).where(IS_QUEUED, _IS_HELD).order_by(Message.next_attempt_at).limit(MAX_HELD)
_ALL_HELD = union_all(
    select(*_HELD_COLUMNS).where(Message.state == MessageState.SENDING, _IS_HELD),
    select(_TRIED_NEXT.subquery()),
).subquery()
_HELD = select(
    func.min(_ALL_HELD.c.failing_since).label("failing_since"),
    func.count(_ALL_HELD.c.id).filter(~_ALL_HELD.c.suspect).label("others"),
    func.min(case((_ALL_HELD.c.suspect, _ALL_HELD.c.recipient))).label("suspect"),
    func.max(case((_ALL_HELD.c.suspect, _ALL_HELD.c.recipient))).label("other_suspect"),
).subquery()
_LAST_SENT = (
    select(Message.id, Message.kind, Message.provider, Message.finished_at)
    .where(Message.state == MessageState.SENT)
    .order_by(Message.finished_at.desc())
    .limit(1)
    .subquery()
)
# As it is called now; none if it was deleted.
_LAST_SERVER = (
    select(MailServer.name)
    .join(Attempt, Attempt.mail_server_id == MailServer.id)
    .where(Attempt.message_id == _LAST_SENT.c.id, Attempt.result == AttemptResult.SENT)
    .limit(1)
)
# One query, as Home asks it each time.
_STATUS = select(
    _WAITING.scalar_subquery().label("waiting"),
    _WAITING_SINCE.scalar_subquery().label("waiting_since"),
    _DUE_SINCE.scalar_subquery().label("due_since"),
    _BULK_DUE_SINCE.scalar_subquery().label("bulk_due_since"),
    servers.PRIMARY_SAVED_AT.scalar_subquery().label("saved_at"),
    workers.LAST_SEEN.scalar_subquery().label("worker_seen_at"),
    _HELD,
    _LAST_SENT,
    _LAST_SERVER.scalar_subquery().label("server"),
).select_from(_HELD.outerjoin(_LAST_SENT, true()))


class Flow(StrEnum):
    """Whether email flows.

    UNCONFIRMED: nothing has been sent since the settings changed, or since a message failed that may be the cause
    itself. LIMITED: what is due waits until the mail server takes more. NO_WORKER: none runs that could send anything.
    """

    FLOWING = "flowing"
    UNCONFIRMED = "unconfirmed"
    LIMITED = "limited"
    STOPPED = "stopped"
    NO_WORKER = "no_worker"
    NOT_SET_UP = "not_set_up"


class SentMessage(NamedTuple):
    """What is shown of the message that was sent last; `server` is empty if the server was deleted since."""

    id: int
    kind: str
    provider: str
    finished_at: datetime
    server: str = ""


@dataclass(frozen=True)
class DeliveryStatus:
    """The status of delivery as a whole.

    `stopped_since` is None unless the flow is STOPPED or NO_WORKER. `in_trouble` tells whether it is STOPPED because of
    the mail server or its settings. `not_yet_used` says that the mail server was saved after the last email was sent,
    `has_suspect` that a message waits that may be the cause of its failure, and none was sent since. `limit` is what
    email that is due waits for, if it does.
    """

    flow: Flow
    stopped_since: datetime | None
    in_trouble: bool
    has_suspect: bool
    last_sent: SentMessage | None
    waiting: int
    waiting_since: datetime | None
    has_server: bool
    not_yet_used: bool
    limit: Reached | None

    @property
    def is_stopped(self) -> bool:
        """Whether nothing goes out."""
        return self.flow in (Flow.STOPPED, Flow.NO_WORKER, Flow.NOT_SET_UP)


def delivery_status(session: Session | Connection, now: datetime) -> DeliveryStatus:
    """Return the current status."""
    row = session.execute(_STATUS).one()
    last_sent = SentMessage(row.id, row.kind, row.provider, row.finished_at, row.server or "") if row.id else None
    in_trouble = row.others > 0 or row.suspect != row.other_suspect
    due_since = min((one for one in (row.due_since, row.bulk_due_since) if one), default=None)
    limit = limit_reached(session, now) if due_since and due_since <= now else None
    late_since = _late_since(due_since, row.finished_at, now)
    if limit or (late_since and limit_reached(session, now - STANDSTILL)):
        # Nothing was to be sent while the limit was reached.
        late_since = None
    flow, since = _flow(row, in_trouble, late_since, now)
    if limit and flow in (Flow.FLOWING, Flow.UNCONFIRMED):
        flow = Flow.LIMITED
    return DeliveryStatus(
        flow=flow,
        stopped_since=since,
        in_trouble=in_trouble and flow is Flow.STOPPED,
        has_suspect=row.suspect is not None,
        last_sent=last_sent,
        waiting=row.waiting,
        waiting_since=row.waiting_since,
        has_server=row.saved_at is not None,
        not_yet_used=_is_not_yet_used(row),
        limit=limit,
    )


def held_message(session: Session) -> Message | None:
    """Return the message that is tried on behalf of all that wait for the server, or that is itself the suspect."""
    waiting = select(Message).where(IS_QUEUED, _IS_HELD).order_by(Message.next_attempt_at, Message.id).limit(1)
    tried = select(Message).where(Message.state == MessageState.SENDING, _IS_HELD).limit(1)
    return session.scalar(tried) or session.scalar(waiting)


def cause_of(session: Session, status: DeliveryStatus) -> Failure | None:
    """Return why nothing goes out; None while email flows, or may."""
    if status.flow is Flow.NO_WORKER:
        return Failure(STANDING_STILL, "no_worker")
    if status.flow is not Flow.STOPPED:
        return None
    held = held_message(session) if status.in_trouble else None
    return held.failure if held else Failure(STANDING_STILL, "not_sent")


def recently_undelivered(session: Session | Connection, now: datetime) -> dict[MessageState, tuple[int, int]]:
    """Count the listed messages that were not delivered, or not for certain: today (in UTC) and lately, by state.

    Those of a state are counted as far as COUNTED + 1.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    values = {"midnight": midnight, "recent": now - RECENTLY}
    rows = session.execute(_undelivered(recipients.looked_up_kinds()), values).all()
    return {MessageState(state): (today, lately) for state, today, lately in rows}


@cache
def _undelivered(looked_up: tuple[str, ...]) -> CompoundSelect[*tuple[Any, ...]]:
    """Return the query of `recently_undelivered`, built once, as Home asks it each time."""
    counts = []
    for state in UNDELIVERED:
        # Only what was never tried may be for nobody. That the others aren't is known without reading their rows.
        listed = ~recipients.is_for_nobody(looked_up=looked_up) if state == MessageState.EXPIRED else true()
        recent = select(Message.finished_at).where(Message.state == state, listed)
        recent = recent.where(Message.finished_at > bindparam("recent")).order_by(Message.finished_at.desc())
        finished_at = recent.limit(COUNTED + 1).subquery().c.finished_at
        today = func.count(case((finished_at >= bindparam("midnight"), 1)))
        counts.append(select(literal(state.value), today, func.count(finished_at)))
    return union_all(*counts)


def _flow(row: AnyRow, in_trouble: bool, late_since: datetime | None, now: datetime) -> tuple[Flow, datetime | None]:
    """Return the flow, and since when nothing goes out."""
    if row.saved_at is None:
        return Flow.NOT_SET_UP, None
    # One that has never run here is missed only once messages are late.
    seen_at = row.worker_seen_at
    if late_since if seen_at is None else not workers.is_alive(seen_at, now):
        return Flow.NO_WORKER, seen_at or late_since
    if in_trouble:
        return Flow.STOPPED, _later(row.failing_since, row.finished_at)
    if late_since:
        return Flow.STOPPED, late_since
    return (Flow.UNCONFIRMED if row.suspect or _is_not_yet_used(row) else Flow.FLOWING), None


def _is_not_yet_used(row: AnyRow) -> bool:
    return row.saved_at is not None and (row.finished_at is None or row.finished_at < row.saved_at)


def _late_since(due_since: datetime | None, last_sent_at: datetime | None, now: datetime) -> datetime | None:
    """Return since when messages are due and none was sent, if that is long ago."""
    since = _later(due_since, last_sent_at) if due_since else now
    return since if since <= now - STANDSTILL else None


def _later(since: datetime, last_sent_at: datetime | None) -> datetime:
    # A message may have had the same trouble, or have been due, before others were sent.
    return max(since, last_sent_at) if last_sent_at else since
