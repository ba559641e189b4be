"""Rate limits that hold across processes and restarts, kept in the database.

One row per key holds the moment at which its allowance would be full again (the generic cell
rate algorithm, as in ATM Forum TM 4.0 and many API gateways). One atomic statement asks and
counts, so two processes never both take the last place.

A transaction keeps a row to itself until its commit. So it takes from several limits in one order,
that of the functions here, in `accounts.sign_ins.locks` and in `accounts.tries`, and locks a person's row before:
else whoever waits for one person would have all others wait for a limit of everybody's.
"""

import hashlib
import ipaddress
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Float, String, and_, case, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core import clock
from webapp.core.database import Base, insert_into
from webapp.core.errors import TooManyRequests

# Seconds by which the clocks of processes may differ. What is used up for longer than its period and
# these was counted before the clock was set back, and counts no more.
CLOCK_SKEW = 300
# No limit has a longer period.
MAX_PERIOD = timedelta(days=30)


class RateLimit(Base):
    """How much of one limit is used up for one key."""

    __tablename__ = "rate_limits"

    # Two halves of hashes, so that the table tells nobody which addresses were tried: see `_key`.
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


@dataclass(frozen=True)
class Share:
    """What each network may do, and how much less once `overall` is used up by all together.

    So a crowd is slowed down, and still nobody is refused for what others did.
    """

    usual: Limit
    sparing: Limit
    overall: Limit


# What one request was counted against: the limits, and for whom.
Counted = tuple[tuple[Limit, str], ...]


def consume(session: Session, limit: Limit, who: str, where: str = "") -> None:
    """Count one request of `who` against `limit`. Raises TooManyRequests when none is left.

    With `where`, the same person counts apart at each place; `forget` without it forgets them all.
    """
    if _take(session, limit, who, where) is None:
        raise TooManyRequests(max(1, seconds_to_wait(session, limit, who, where)))


def try_consume(session: Session, limit: Limit, who: str, where: str = "") -> bool:
    """The same, as an answer: whether there was one left."""
    return _take(session, limit, who, where) is not None


def take_share(session: Session, share: Share, network: str) -> Counted:
    """Count one request from this network: against what. Raises TooManyRequests when its own share is used up."""
    consume(session, share.usual, network)
    if try_consume(session, share.overall, ""):
        return (share.usual, network), (share.overall, "")
    consume(session, share.sparing, network)
    return (share.usual, network), (share.sparing, network)


def give_share_back(session: Session, counted: Counted) -> None:
    """Uncount one request that turned out not to count, there alone where it was counted.

    More would be a gift: who may give back at will is never refused, and ends a crowd that goes on.
    """
    for limit, who in counted:
        give_back(session, limit, who)


def turn(session: Session, limit: Limit, who: str) -> timedelta | None:
    """Count one request, and say for how long it has to wait for its turn; None, uncounted, after a whole queue.

    `limit.times` wait at most; they get their turn one by one, an interval apart.
    """
    full_at = _take(session, limit, who)
    if full_at is None:
        return None
    return timedelta(seconds=max(0.0, full_at - limit.interval - clock.now().timestamp()))


def seconds_to_wait(session: Session, limit: Limit, who: str, *places: str) -> int:
    """Seconds until `who` is allowed one more at all of these places; 0 when it is so now."""
    room = limit.period.total_seconds() - limit.interval
    return max(0, math.ceil(_full_at(session, limit, who, *places) - clock.now().timestamp() - room - 1e-6))


def is_exhausted(session: Session, limit: Limit, who: str, where: str = "") -> bool:
    """Whether nothing is left for `who` at this place."""
    return seconds_to_wait(session, limit, who, where) > 0


def exhausted_until(session: Session, limit: Limit, who: str) -> datetime | None:
    """The moment at which the last of the places that count for `who` has its whole limit again, if any counts."""
    present = clock.now().timestamp()
    wanted = select(func.max(RateLimit.full_at)).where(_everywhere(limit, who), _counts(limit, present))
    full_at = session.scalar(wanted)
    return None if full_at is None else datetime.fromtimestamp(full_at, UTC)


def reset(session: Session, limit: Limit, who: str, where: str | None = None) -> None:
    """Give `who` the whole limit again, at this place or at all of them."""
    rows = _everywhere(limit, who) if where is None else RateLimit.key == _key(limit, who, where)
    session.execute(delete(RateLimit).where(rows))


def give_back(session: Session, limit: Limit, who: str, where: str = "") -> None:
    """Uncount one request that turned out not to count."""
    statement = update(RateLimit).where(RateLimit.key == _key(limit, who, where))
    session.execute(statement.values(full_at=RateLimit.full_at - limit.interval))


def sweep(session: Session, now: datetime) -> None:
    """Delete the rows that no longer limit anybody, also those that were counted by a clock far ahead.

    Those that somebody counts with at this moment stay: waiting for them with others in hand, it could be
    waited for itself.
    """
    latest = now.timestamp() + MAX_PERIOD.total_seconds() + CLOCK_SKEW
    idle = select(RateLimit.key).where(or_(RateLimit.full_at < now.timestamp(), RateLimit.full_at > latest))
    session.execute(delete(RateLimit).where(RateLimit.key.in_(idle.with_for_update(skip_locked=True))))


def _take(session: Session, limit: Limit, who: str, where: str = "") -> float | None:
    """Count one request; when the whole limit will be there again, or None, uncounted, when none is left."""
    present, interval = clock.now().timestamp(), limit.interval
    start = case((_counts(limit, present), RateLimit.full_at), else_=present)
    statement = (
        insert_into(session, RateLimit)
        .values(key=_key(limit, who, where), full_at=present + interval)
        .on_conflict_do_update(
            index_elements=[RateLimit.key],
            set_={"full_at": start + interval},
            where=start + interval <= present + limit.period.total_seconds() + 1e-6,
        )
        .returning(RateLimit.full_at)
    )
    return session.scalar(statement)


def _full_at(session: Session, limit: Limit, who: str, *places: str) -> float:
    """When the last of these places has its whole limit again; 0 when all have it."""
    keys = [_key(limit, who, where) for where in places or ("",)]
    counts = _counts(limit, clock.now().timestamp())
    return session.scalar(select(func.max(RateLimit.full_at)).where(RateLimit.key.in_(keys), counts)) or 0.0


def _counts(limit: Limit, present: float) -> ColumnElement[bool]:
    """Whether a row still limits, and not for longer than it can be right."""
    latest = present + limit.period.total_seconds() + CLOCK_SKEW
    return and_(RateLimit.full_at > present, RateLimit.full_at <= latest)


def _key(limit: Limit, who: str, where: str) -> str:
    return _half(f"{limit.name}\0{who}") + _half(where)


def _everywhere(limit: Limit, who: str) -> ColumnElement[bool]:
    """The keys that begin alike. `g` comes after every hexadecimal digit; LIKE would not use the index everywhere."""
    first = _half(f"{limit.name}\0{who}")
    return and_(RateLimit.key >= first, RateLimit.key < first + "g")


def _half(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def network(client_address: str) -> str:
    """Whom a client address stands for: with IPv6 one customer has at least a /64 of them."""
    try:
        address = ipaddress.IPv6Address(client_address)
    except ValueError:
        return client_address
    return str(address.ipv4_mapped or ipaddress.IPv6Network((address, 64), strict=False))
