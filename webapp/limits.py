"""Rate limits that hold across processes and restarts, kept in the database.

One row per key holds the moment at which its allowance would be full again (the generic cell
rate algorithm, as in ATM Forum TM 4.0 and many API gateways). One atomic statement asks and
counts, so two processes never both take the last place.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Float, String, case, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp import clock
from webapp.database import Base
from webapp.errors import TooManyRequests

# Seconds by which the clocks of two machines may differ.
CLOCKS_DIFFER = 60


class RateLimit(Base):
    """How much of one limit is used up for one key."""

    __tablename__ = "rate_limits"

    # A hash, so that the table tells nobody which addresses were tried.
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


def take(session: Session, limit: Limit, who: str) -> None:
    """Count one request of `who` against `limit`. Raises TooManyRequests when none is left."""
    present = clock.now().timestamp()
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    key, interval = _key(limit, who), limit.interval
    # No allowance is full that late: the clock was set back since, and is not to lock anybody out.
    impossible = present + 2 * limit.period.total_seconds() + CLOCKS_DIFFER
    start = case(
        (RateLimit.full_at > impossible, present), (RateLimit.full_at > present, RateLimit.full_at), else_=present
    )
    statement = (
        insert(RateLimit)
        .values(key=key, full_at=present + interval)
        .on_conflict_do_update(
            index_elements=[RateLimit.key],
            set_={"full_at": start + interval},
            where=start + interval <= present + limit.period.total_seconds() + 1e-6,
        )
        .returning(RateLimit.full_at)
    )
    if session.execute(statement).first() is None:
        full_at = session.scalars(select(RateLimit.full_at).where(RateLimit.key == key)).one()
        raise TooManyRequests(max(1, math.ceil(full_at + interval - present - limit.period.total_seconds())))


def forget(session: Session, limit: Limit, who: str) -> None:
    """Give `who` the whole limit again."""
    session.execute(delete(RateLimit).where(RateLimit.key == _key(limit, who)))


def give_back(session: Session, limit: Limit, who: str) -> None:
    """Uncount one request that turned out not to count."""
    statement = update(RateLimit).where(RateLimit.key == _key(limit, who))
    session.execute(statement.values(full_at=RateLimit.full_at - limit.interval))


def sweep(session: Session, now: datetime) -> None:
    """Delete the rows that no longer limit anybody."""
    session.execute(delete(RateLimit).where(RateLimit.full_at < now.timestamp()))


def _key(limit: Limit, who: str) -> str:
    return hashlib.sha256(f"{limit.name}\0{who}".encode()).hexdigest()
