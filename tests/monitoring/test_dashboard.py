"""The numbers that the charts show."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.conftest import Enqueue
from tests.monitoring.conftest import Count
from webapp.core import clock
from webapp.core.database import Database
from webapp.monitoring import dashboard
from webapp.monitoring.dashboard import Dashboard, OfKind, Period
from webapp.monitoring.jobs import sample_waiting

NOW = datetime(2026, 11, 30, 10, 42, tzinfo=UTC)


def read(database: Database, period: Period = Period.DAY) -> Dashboard:
    with database.read() as session:
        return dashboard.read(session, period, clock.now())


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        (Period.DAY, NOW.replace(day=29, hour=11, minute=0), NOW.replace(minute=0)),
        (Period.WEEK, NOW.replace(day=23, hour=12, minute=0), NOW.replace(hour=6, minute=0)),
        (Period.MONTH, NOW.replace(day=1, hour=0, minute=0), NOW.replace(hour=0, minute=0)),
    ],
)
def test_a_period_ends_with_the_present_hour_quarter_of_a_day_or_day(
    period: Period, first: datetime, last: datetime
) -> None:
    starts = period.starts(NOW)
    assert (len(starts), starts[0], starts[-1]) == (period.parts, first, last)


@time_machine.travel(NOW)
def test_each_part_has_what_was_counted_in_it(database: Database, count: Count) -> None:
    for hours in (0, 1, 1, 23, 24):
        count("finished", "reset", "sent", hours=hours)
    for state in ("failed", "expired", "uncertain", "cancelled"):
        count("finished", "reset", state, hours=1)
    found = read(database)
    assert [part.delivered for part in found.parts] == [1, *[0] * 21, 2, 1]
    assert [part.undelivered for part in found.parts] == [*[0] * 22, 3, 0]
    assert (found.delivered, found.undelivered) == (4, 3)


def test_kinds_are_listed_by_their_number(database: Database, count: Count) -> None:
    count("finished", "reset", "sent", 3)
    count("finished", "activation", "sent", 4)
    count("finished", "activation", "failed", 2)
    assert read(database).kinds == [OfKind("activation", 4, 2), OfKind("reset", 3, 0)]


def test_what_waits_is_the_mean_of_the_samples_and_unknown_without_any(database: Database, enqueue: Enqueue) -> None:
    enqueue()
    for _minute in range(2):
        with database.transaction() as session:
            sample_waiting(session, clock.now())
        enqueue()
    *others, last = read(database).parts
    assert last.waiting == 1.5
    assert {part.waiting for part in others} == {None}


def test_half_of_the_emails_were_delivered_within_a_bound(database: Database, count: Count) -> None:
    assert read(database).within(0.5) is None
    for bound, number in (("0.5", 6), ("5", 3), ("inf", 1)):
        count("latency", bound, amount=number)
    found = read(database)
    assert [found.within(share) for share in (0.5, 0.9, 0.95)] == ["0.5", "5", "inf"]


@time_machine.travel(NOW)
def test_today_begins_at_midnight(database: Database, count: Count) -> None:
    count("finished", "reset", "sent", 5, hours=10)
    count("finished", "reset", "sent", 7, hours=11)
    with database.read() as session:
        assert dashboard.delivered_today(session, NOW + timedelta(minutes=1)) == 5
