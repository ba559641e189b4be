"""How many messages may be sent now, without more in a minute or a day than the mail server takes.

What was sent is counted exactly, in the attempts of all workers, and what they are sending now counts too.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select
from sqlalchemy.orm import Session

from webapp.mail import servers
from webapp.mail import service as mail_servers
from webapp.mail.models import MailServer
from webapp.mail.transport.rejections import SESSION_STAGES
from webapp.outbox import claims
from webapp.outbox.claims import is_due
from webapp.outbox.models import Attempt, Message, MessageState
from webapp.providers import Limits

WINDOWS = {"per_minute": timedelta(minutes=1), "per_day": timedelta(days=1)}
# The part of each limit, one in so many, that bulk messages leave to those that somebody waits for.
RESERVED = 10
# An attempt that is further in the future was recorded by a clock that has been set back since.
CLOCK_TOLERANCE = timedelta(minutes=1)
_PRIMARY = select(MailServer.id, MailServer.provider, *(getattr(MailServer, name) for name in servers.LIMITS)).where(
    MailServer.position == servers.PRIMARY
)


@dataclass(frozen=True)
class Reached:
    """A limit that nothing more may be sent for now: its name as in `webapp.providers.Limits`, its value, the end."""

    name: str
    value: int
    until: datetime


@dataclass(frozen=True)
class Allowance:
    """How many messages may be claimed now, and of how many bulk ones may be a part; None is any number."""

    count: int | None = None
    bulk_count: int | None = None


def allowance(session: Session, server: MailServer, now: datetime, run: str) -> Allowance:
    """Return how many messages this run may claim in this transaction.

    Until the transaction ends, no other run gets an allowance for the server, so that all together keep to the limits.
    What the run itself has claimed before and not tried doesn't count.
    """
    limits = mail_servers.limits(server.provider, *server.lowered_limits)
    if limits == Limits():
        return Allowance()
    # SQLite has one writer at a time anyway. Referring to the row, as grants do, stays possible.
    session.execute(select(MailServer.id).where(MailServer.id == server.id).with_for_update(key_share=True))
    if limits.connections is not None and _connections(session, run) >= limits.connections:
        # Those that are connected also send what is due.
        return Allowance(0, 0)
    return Allowance(*(_left(session, server.id, limits, now, run, bulk)[0] for bulk in (False, True)))


def limit_reached(session: Session | Connection, now: datetime) -> Reached | None:
    """Return the limit that what is due waits for, if it does."""
    for server_id, provider, *lowered in session.execute(_PRIMARY):
        limits = mail_servers.limits(provider, *lowered)
        for bulk in (False, True):
            _count, reached = _left(session, server_id, limits, now, "", bulk)
            if reached and session.scalar(select(exists().where(is_due(now), Message.bulk == bulk))):
                return reached
    return None


def next_due(session: Session, now: datetime) -> datetime | None:
    """Return when there is something to send next: a message is due then, or a limit ends that others wait for."""
    reached = limit_reached(session, now)
    times = [claims.next_due(session, now), reached.until if reached else None]
    return min((one for one in times if one is not None), default=None)


def _left(
    session: Session | Connection, server_id: int, limits: Limits, now: datetime, run: str, bulk: bool
) -> tuple[int | None, Reached | None]:
    """Return how many messages, or bulk ones, may be claimed now; if none, also why and until when."""
    left: list[int] = []
    reached: list[Reached] = []
    for name, window in WINDOWS.items():
        limit = getattr(limits, name)
        if limit is not None:
            counted = _counted(server_id, now, window)
            used, most = _used(session, counted, run), limit - limit // RESERVED if bulk else limit
            left.append(most - used)
            if used >= most:
                reached.append(Reached(name, limit, _free_at(session, counted, used - most, now, window)))
    if reached:
        return 0, max(reached, key=lambda one: one.until)
    return min(left, default=None), None


def _used(session: Session | Connection, counted: ColumnElement[bool], run: str) -> int:
    """Return how many messages have gone to the server, or are about to."""
    recorded = exists().where(Attempt.message_id == Message.id, Attempt.number == Message.attempts)
    sent = select(func.count(Attempt.id)).where(counted).scalar_subquery()
    sending = select(func.count(Message.id)).where(_sending(run), ~recorded).scalar_subquery()
    # In one statement, so that none is missed that is recorded meanwhile.
    used: int = session.scalars(select(sent + sending)).one()
    return used


def _free_at(
    session: Session | Connection, counted: ColumnElement[bool], excess: int, now: datetime, window: timedelta
) -> datetime:
    """Return when the next message may be sent, at the latest when what is being sent now has left the window."""
    times = select(Attempt.started_at).where(counted).order_by(Attempt.started_at)
    oldest = session.scalar(times.offset(excess).limit(1))
    return (oldest or now) + window


def _connections(session: Session | Connection, run: str) -> int:
    """Return how many other runs are connected."""
    count: int = session.scalars(select(func.count(Message.claimed_by.distinct())).where(_sending(run))).one()
    return count


def _counted(server_id: int, now: datetime, window: timedelta) -> ColumnElement[bool]:
    """The condition for attempts in this window that have reached the server; the stage of a sent one is empty."""
    known = Attempt.stage.in_(("", *SESSION_STAGES))
    recent = and_(Attempt.started_at > now - window, Attempt.started_at <= now + CLOCK_TOLERANCE)
    return and_(Attempt.mail_server_id == server_id, recent, known)


def _sending(run: str) -> ColumnElement[bool]:
    """The condition for what other runs are sending."""
    return and_(Message.state == MessageState.SENDING, Message.claimed_by.is_distinct_from(run))
