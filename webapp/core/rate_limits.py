"""Rate limits that hold across processes and restarts, kept in the database.

Each row stores when the allowance of one key will be full again (the generic cell rate algorithm, as in ATM Forum
TM 4.0). One atomic statement checks and counts, so two processes never both take the last request.

A transaction keeps the rows it counted in locked until it commits. To avoid deadlocks, lock a user's row first, then
count in the order in which `accounts.sessions.lockout` and `accounts.throttles` do.
"""

import hashlib
import ipaddress
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from flask import has_app_context
from sqlalchemy import ColumnElement, Float, String, and_, case, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.database import Base, insert_into
from webapp.core.errors import TooManyRequests

# Seconds by which the clocks of processes may differ. A row that is full later than its limit's period plus this was
# written before the clock was set back, and is ignored.
CLOCK_SKEW = 300
# No limit has a longer period.
MAX_PERIOD = timedelta(days=30)


class RateLimit(Base):
    """How much of one limit is used up for one key."""

    __tablename__ = "rate_limits"

    # Hashed, so that the table does not show which addresses were tried: see `_key`.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    full_at: Mapped[float] = mapped_column(Float(53), index=True)


@dataclass(frozen=True)
class Limit:
    """`times` requests in `period`, refilled evenly."""

    name: str
    times: int
    period: timedelta

    @property
    def interval(self) -> float:
        """Seconds until one more request is allowed."""
        return self.period.total_seconds() / self.times


class Allowance(NamedTuple):
    """How many more requests are allowed now, and the seconds until the whole allowance is there again."""

    remaining: int
    full_in: int


def consume(session: Session, limit: Limit, key: str, place: str = "") -> Allowance:
    """Count one request by `key`, and return what is left. Raises TooManyRequests when none was.

    Each `place` (a network, say) has an allowance of its own; `reset` can clear all places of a key at once.
    """
    full_at = _count(session, limit, key, place)
    if full_at is None:
        raise TooManyRequests(max(1, seconds_to_wait(session, limit, key, place)))
    full_in = max(0.0, full_at - clock.now().timestamp())
    return Allowance(int((limit.period.total_seconds() - full_in) / limit.interval + 1e-6), math.ceil(full_in))


def try_consume(session: Session, limit: Limit, key: str, place: str = "", amount: int = 1) -> bool:
    """Count `amount` requests by `key`; return whether so many were left. If not, none is counted."""
    return _count(session, limit, key, place, amount) is not None


def left(session: Session, limit: Limit, key: str) -> int:
    """Return how many requests by `key` are allowed now."""
    ahead = max(0.0, _full_at(session, limit, key) - clock.now().timestamp())
    return int((limit.period.total_seconds() - ahead + 1e-6) / limit.interval)


def seconds_to_wait(session: Session, limit: Limit, key: str, *places: str, amount: int = 1) -> int:
    """Return the seconds until `key` is allowed `amount` more requests at all of these places; 0 if it is now."""
    room = limit.period.total_seconds() - amount * limit.interval
    return max(0, math.ceil(_full_at(session, limit, key, *places) - clock.now().timestamp() - room - 1e-6))


def is_exhausted(session: Session, limit: Limit, key: str, place: str = "") -> bool:
    """Return whether no request is left for `key` at this place."""
    return seconds_to_wait(session, limit, key, place) > 0


def exhausted_until(session: Session, limit: Limit, key: str) -> datetime | None:
    """Return when all places of `key` have their whole allowance again; None if they have it now."""
    present = clock.now().timestamp()
    query = select(func.max(RateLimit.full_at)).where(_all_places(limit, key), _is_current(limit, present))
    full_at = session.scalar(query)
    return None if full_at is None else datetime.fromtimestamp(full_at, UTC)


def reset(session: Session, limit: Limit, key: str, place: str | None = None) -> None:
    """Give `key` its whole allowance again, at this place or at all of them."""
    rows = _all_places(limit, key) if place is None else RateLimit.key == _key(limit, key, place)
    session.execute(delete(RateLimit).where(rows))


def give_back(session: Session, limit: Limit, key: str, place: str = "") -> None:
    """Uncount one request."""
    statement = update(RateLimit).where(RateLimit.key == _key(limit, key, place))
    session.execute(statement.values(full_at=RateLimit.full_at - limit.interval))


def sweep(session: Session, now: datetime) -> None:
    """Delete rows that no longer limit anything, and those written by a clock that was far ahead.

    Rows that another transaction has locked are left for the next sweep, so that the two cannot deadlock.
    """
    latest = now.timestamp() + MAX_PERIOD.total_seconds() + CLOCK_SKEW
    idle = select(RateLimit.key).where(or_(RateLimit.full_at < now.timestamp(), RateLimit.full_at > latest))
    session.execute(delete(RateLimit).where(RateLimit.key.in_(idle.with_for_update(skip_locked=True))))


def network(client_address: str) -> str:
    """Return what a client address is counted under: itself, or its /64 for IPv6, which one customer has to itself."""
    try:
        address = ipaddress.IPv6Address(client_address)
    except ValueError:
        return client_address
    return str(address.ipv4_mapped or ipaddress.IPv6Network((address, 64), strict=False))


def _is_enabled() -> bool:
    """Return whether limits are counted: always, unless the configuration switches them off for a load test."""
    return not has_app_context() or app_state().config.rate_limits == "on"


def _count(session: Session, limit: Limit, key: str, place: str = "", amount: int = 1) -> float | None:
    """Count requests; return when the allowance will be full again, or None, uncounted, if too few are left."""
    present, interval = clock.now().timestamp(), amount * limit.interval
    if interval > limit.period.total_seconds() + 1e-6:
        return None
    if not _is_enabled():
        return present
    start = case((_is_current(limit, present), RateLimit.full_at), else_=present)
    statement = (
        insert_into(session, RateLimit)
        .values(key=_key(limit, key, place), full_at=present + interval)
        .on_conflict_do_update(
            index_elements=[RateLimit.key],
            set_={"full_at": start + interval},
            where=start + interval <= present + limit.period.total_seconds() + 1e-6,
        )
        .returning(RateLimit.full_at)
    )
    return session.scalar(statement)


def _full_at(session: Session, limit: Limit, key: str, *places: str) -> float:
    """Return when the last of these places has its whole allowance again; 0 when all have it."""
    if not _is_enabled():
        return 0.0
    keys = [_key(limit, key, place) for place in places or ("",)]
    current = _is_current(limit, clock.now().timestamp())
    return session.scalar(select(func.max(RateLimit.full_at)).where(RateLimit.key.in_(keys), current)) or 0.0


def _is_current(limit: Limit, present: float) -> ColumnElement[bool]:
    """Select rows that still limit something and were not written by a clock that was ahead."""
    latest = present + limit.period.total_seconds() + CLOCK_SKEW
    return and_(RateLimit.full_at > present, RateLimit.full_at <= latest)


def _key(limit: Limit, key: str, place: str) -> str:
    return _half_hash(f"{limit.name}\0{key}") + _half_hash(place)


def _all_places(limit: Limit, key: str) -> ColumnElement[bool]:
    """Select the rows of a key by their common prefix; `g` sorts after every hexadecimal digit."""
    prefix = _half_hash(f"{limit.name}\0{key}")
    return and_(RateLimit.key >= prefix, RateLimit.key < prefix + "g")


def _half_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
