"""Counts per hour, kept in the database: what charts and metrics are made of.

They are added up where things happen, once for many, so that no page ever counts a million rows.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from sqlalchemy import Float, Insert, String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.core.database import Base, insert_for

# How long counts stay apart by hour; older ones are added to the row of hour BEFORE.
KEPT = timedelta(days=32)
BEFORE = datetime(1970, 1, 1, tzinfo=UTC)


class Count(Base):
    """How often something happened within an hour: `measure` what, `subject` and `detail` of which sort."""

    __tablename__ = "counts"

    hour: Mapped[datetime] = mapped_column(primary_key=True)
    measure: Mapped[str] = mapped_column(String(20), primary_key=True)
    subject: Mapped[str] = mapped_column(String(40), primary_key=True)
    detail: Mapped[str] = mapped_column(String(40), primary_key=True)
    total: Mapped[float] = mapped_column(Float(53))


class Counted(NamedTuple):
    """What is counted."""

    measure: str
    subject: str = ""
    detail: str = ""


class CountOfHour(NamedTuple):
    """What was counted of one sort within an hour."""

    hour: datetime
    subject: str
    detail: str
    total: float


def add(session: Session, now: datetime, amounts: Mapping[Counted, float]) -> None:
    """Add to the counts of this hour."""
    _add(session, now.replace(minute=0, second=0, microsecond=0), amounts)


def totals(session: Session, *measures: str) -> dict[Counted, float]:
    """Return what was counted since the beginning. It never falls."""
    columns = (Count.measure, Count.subject, Count.detail)
    summed = select(*columns, func.sum(Count.total)).where(Count.measure.in_(measures)).group_by(*columns)
    return {Counted(measure, subject, detail): total for measure, subject, detail, total in session.execute(summed)}


def by_hour(session: Session, measure: str, since: datetime) -> list[CountOfHour]:
    """Return the counts of each hour since then, the oldest first."""
    wanted = select(Count.hour, Count.subject, Count.detail, Count.total)
    found = session.execute(wanted.where(Count.measure == measure, Count.hour >= since).order_by(Count.hour))
    return [CountOfHour(*row) for row in found]


def subjects_of(session: Session, measure: str, detail: str, since: datetime) -> dict[str, float]:
    """Return what was counted since then with this detail, by subject."""
    summed = select(Count.subject, func.sum(Count.total)).where(Count.measure == measure, Count.detail == detail)
    found = session.execute(summed.where(Count.hour >= since).group_by(Count.subject))
    return dict(found.all())


def merge_old(session: Session, now: datetime) -> None:
    """Add up the counts of hours that nobody asks for any more, so that `totals` stay as they are."""
    old = (Count.hour > BEFORE, Count.hour < now - KEPT)
    summed = select(Count.measure, Count.subject, Count.detail, func.sum(Count.total)).where(*old)
    rows = session.execute(summed.group_by(Count.measure, Count.subject, Count.detail)).all()
    session.execute(delete(Count).where(*old))
    _add(session, BEFORE, {Counted(measure, subject, detail): total for measure, subject, detail, total in rows})


def _add(session: Session, hour: datetime, amounts: Mapping[Counted, float]) -> None:
    # In one order, so that two processes that add the same never wait for each other.
    rows = [{"hour": hour, **one._asdict(), "total": amount} for one, amount in sorted(amounts.items()) if amount]
    if not rows:
        return
    connection = session.connection()
    connection.execute(_adding(connection.dialect.name), rows)


@cache
def _adding(dialect: str) -> Insert:
    """Return the statement for one row, built once, as each batch of messages needs it."""
    statement = insert_for(dialect, Count)
    keys = [Count.hour, Count.measure, Count.subject, Count.detail]
    return statement.on_conflict_do_update(index_elements=keys, set_={"total": Count.total + statement.excluded.total})
