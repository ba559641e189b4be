"""How many messages may be sent now, without more in a minute or a day than the mail server takes.

What was sent is counted exactly, in the attempts of all workers, and what they are sending now counts too.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

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


class _Window(NamedTuple):
    """The window of a limit: how much of it is used."""

    name: str
    limit: int
    length: timedelta
    used: int

    def most(self, bulk: bool) -> int:
        """Return how much may be used, by bulk messages or by any."""
        return self.limit - self.limit // RESERVED if bulk else self.limit


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
    windows = _windows(session, server.id, limits, now, run)
    left = ([one.most(bulk) - one.used for one in windows] for bulk in (False, True))
    return Allowance(*(max(0, min(some)) if some else None for some in left))


def limit_reached(session: Session | Connection, now: datetime) -> Reached | None:
    """Return the limit that what is due waits for, if it does."""
    for server_id, provider, *lowered in session.execute(_PRIMARY):
        windows = _windows(session, server_id, mail_servers.limits(provider, *lowered), now, "")
        for bulk in (False, True):
            full = [one for one in windows if one.used >= one.most(bulk)]
            if full and session.scalar(select(exists().where(is_due(now), Message.bulk == bulk))):
                return max((_reached(session, server_id, one, bulk, now) for one in full), key=lambda one: one.until)
    return None


def next_due(session: Session, now: datetime) -> datetime | None:
    """Return when there is something to send next: a message is due then, or a limit ends that others wait for."""
    reached = limit_reached(session, now)
    times = [claims.next_due(session, now), reached.until if reached else None]
    return min((one for one in times if one is not None), default=None)


def _windows(session: Session | Connection, server_id: int, limits: Limits, now: datetime, run: str) -> list[_Window]:
    given = [(name, getattr(limits, name), length) for name, length in WINDOWS.items()]
    return [
        _Window(name, limit, length, _used(session, _counted(server_id, now, length), run))
        for name, limit, length in given
        if limit is not None
    ]


def _reached(session: Session | Connection, server_id: int, window: _Window, bulk: bool, now: datetime) -> Reached:
    """Return until when nothing may be sent: at the latest when what is being sent now has left the window."""
    times = select(Attempt.started_at).where(_counted(server_id, now, window.length)).order_by(Attempt.started_at)
    oldest = session.scalar(times.offset(window.used - window.most(bulk)).limit(1))
    return Reached(window.name, window.limit, (oldest or now) + window.length)


def _used(session: Session | Connection, counted: ColumnElement[bool], run: str) -> int:
    """Return how many messages have gone to the server, or are about to."""
    recorded = exists().where(Attempt.message_id == Message.id, Attempt.number == Message.attempts)
    sent = select(func.count(Attempt.id)).where(counted).scalar_subquery()
    sending = select(func.count(Message.id)).where(_sending(run), ~recorded).scalar_subquery()
    # In one statement, so that none is missed that is recorded meanwhile.
    used: int = session.scalars(select(sent + sending)).one()
    return used


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
