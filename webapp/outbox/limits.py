"""How many messages may be sent now, without more in a minute or a day than the mail server takes.

What was sent by a server is counted exactly, in the attempts of all workers, and what they are sending by it now counts
too.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, func, select
from sqlalchemy.orm import Session

from webapp.mail import servers
from webapp.mail.models import MailServer
from webapp.mail.transport.rejections import SESSION_STAGES
from webapp.outbox import circuit_breaker, claims, routing
from webapp.outbox.claims import CLOCK_TOLERANCE, is_due
from webapp.outbox.models import Attempt, Message, MessageState
from webapp.outbox.routing import Binding, Route
from webapp.providers import Limits
from webapp.providers.registry import get_providers

WINDOWS = {"per_minute": timedelta(minutes=1), "per_day": timedelta(days=1)}
# The part of each limit, one in so many, that bulk messages leave to those that somebody waits for.
RESERVED = 10
_SERVERS = (
    select(
        MailServer.id,
        MailServer.for_domains,
        MailServer.for_applications,
        MailServer.provider,
        *(getattr(MailServer, name) for name in servers.LIMITS),
    )
    .where(MailServer.position.is_not(None))
    .order_by(MailServer.position)
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
    """How many messages may be claimed now, and how many of them may be bulk ones; None is any number.

    `ends_the_day` says that the limit of a day is reached, at least by bulk ones: another server had better send.
    """

    count: int | None = None
    bulk_count: int | None = None
    ends_the_day: bool = False


def lock(session: Session, server_ids: Iterable[int]) -> None:
    """Keep other runs from claiming for these servers until the transaction ends, so that all keep to the limits.

    Call it once in a transaction, before messages are locked: saving a server locks all in this order, then messages.
    """
    # SQLite has one writer at a time anyway. Referring to the row, as grants do, stays possible.
    chosen = select(MailServer.id).where(MailServer.id.in_(server_ids))
    session.execute(chosen.order_by(MailServer.id).with_for_update(key_share=True))


def limits_of(server: MailServer | Row[Any]) -> Limits:
    """Return what may be sent by a server: what its provider takes, or less where an administrator allows less."""
    provider = get_providers().get(server.provider)
    allowed = astuple(provider.limits if provider else Limits())
    lowered = (getattr(server, name) for name in servers.LIMITS)
    numbers = ([one for one in both if one is not None] for both in zip(allowed, lowered, strict=True))
    return Limits(*(min(some, default=None) for some in numbers))


def allowance(session: Session, server: MailServer, now: datetime, run: str) -> Allowance:
    """Return how many messages this run may claim in this transaction, for which the server is locked.

    What the run itself has claimed before and not tried doesn't count.
    """
    limits = limits_of(server)
    if limits == Limits():
        return Allowance()
    if limits.connections is not None and _connections(session, server.id, run) >= limits.connections:
        # Those that are connected also send what is due.
        return Allowance(0, 0)
    windows = _windows(session, server.id, limits, now, run)
    left = ([one.most(bulk) - one.used for one in windows] for bulk in (False, True))
    ends_the_day = any(one.name == "per_day" and one.used >= one.most(bulk=True) for one in windows)
    count, bulk_count = (max(0, min(some)) if some else None for some in left)
    return Allowance(count, bulk_count, ends_the_day)


def limit_reached(session: Session | Connection, now: datetime) -> Reached | None:
    """Return the limit that what is due waits for, if it does: in several routes, the one that ends first."""
    rows = session.execute(_SERVERS.where(circuit_breaker.unpaused(now))).all()
    limits = {row.id: limits_of(row) for row in rows}
    if all(one == Limits() for one in limits.values()):
        return None
    windows = {server_id: _windows(session, server_id, one, now, "") for server_id, one in limits.items()}
    bindings = (Binding(row.id, row.for_domains, row.for_applications) for row in rows)
    routes = routing.routes_by(session, bindings)
    found = (_limit_of(session, route, windows, now) for route in routes)
    return min((one for one in found if one), key=lambda one: one.until, default=None)


def next_due(session: Session, now: datetime) -> datetime | None:
    """Return when there is something to send next: a message is due then, or a limit ends that others wait for."""
    reached = limit_reached(session, now)
    times = [claims.next_due(session, now), reached.until if reached else None]
    return min((one for one in times if one is not None), default=None)


def _windows(session: Session | Connection, server_id: int, limits: Limits, now: datetime, run: str) -> list[_Window]:
    given = [(name, getattr(limits, name), length) for name, length in WINDOWS.items()]
    return [
        _Window(name, limit, length, _used(session, server_id, now, length, run))
        for name, limit, length in given
        if limit is not None
    ]


def _limit_of(
    session: Session | Connection, route: Route, windows: dict[int, list[_Window]], now: datetime
) -> Reached | None:
    """Return the limit that what is due in this route waits for."""
    for bulk in (False, True):
        reached = _limit_of_all(session, [(id_, windows[id_]) for id_ in route.server_ids], bulk, now)
        if reached and session.scalar(select(exists().where(is_due(now), Message.bulk == bulk, *route.conditions))):
            return reached
    return None


def _limit_of_all(
    session: Session | Connection, servers_of_route: list[tuple[int, list[_Window]]], bulk: bool, now: datetime
) -> Reached | None:
    """Return the limit that messages wait for. That of a day, once reached, has the next server send."""
    reached = []
    for server_id, windows in servers_of_route:
        full = [one for one in windows if one.used >= one.most(bulk)]
        if not full:
            return None
        ends = [_reached(session, server_id, one, bulk, now) for one in full]
        reached.append(max(ends, key=lambda one: one.until))
        if all(one.name != "per_day" for one in full):
            break
    return min(reached, key=lambda one: one.until, default=None)


def _reached(session: Session | Connection, server_id: int, window: _Window, bulk: bool, now: datetime) -> Reached:
    """Return until when nothing may be sent: at the latest when what is being sent now has left the window."""
    times = select(Attempt.started_at).where(_counted(server_id, now, window.length)).order_by(Attempt.started_at)
    oldest = session.scalar(times.offset(window.used - window.most(bulk)).limit(1))
    return Reached(window.name, window.limit, (oldest or now) + window.length)


def _used(session: Session | Connection, server_id: int, now: datetime, window: timedelta, run: str) -> int:
    """Return how many messages have gone to the server, or are about to."""
    recorded = exists().where(Attempt.message_id == Message.id, Attempt.number == Message.attempts)
    sent = select(func.count(Attempt.id)).where(_counted(server_id, now, window)).scalar_subquery()
    sending = select(func.count(Message.id)).where(_sending(server_id, run), ~recorded).scalar_subquery()
    # In one statement, so that none is missed that is recorded meanwhile.
    used: int = session.scalars(select(sent + sending)).one()
    return used


def _connections(session: Session | Connection, server_id: int, run: str) -> int:
    """Return how many other runs are connected to the server."""
    runs = select(func.count(Message.claimed_by.distinct())).where(_sending(server_id, run))
    count: int = session.scalars(runs).one()
    return count


def _counted(server_id: int, now: datetime, window: timedelta) -> ColumnElement[bool]:
    """The condition for attempts in this window that have reached the server; the stage of a sent one is empty."""
    known = Attempt.stage.in_(("", *SESSION_STAGES))
    # One that is further in the future was recorded by a clock that has been set back since.
    recent = and_(Attempt.started_at > now - window, Attempt.started_at <= now + CLOCK_TOLERANCE)
    return and_(Attempt.mail_server_id == server_id, recent, known)


def _sending(server_id: int, run: str) -> ColumnElement[bool]:
    """The condition for what other runs are sending by the server."""
    by_server = and_(Message.state == MessageState.SENDING, Message.mail_server_id == server_id)
    return and_(by_server, Message.claimed_by.is_distinct_from(run))
