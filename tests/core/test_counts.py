"""Counts per hour."""

from datetime import timedelta

import pytest

from webapp.core import clock, counts
from webapp.core.counts import KEPT, Counted
from webapp.core.database import Database


@pytest.mark.parametrize("age", [timedelta(0), KEPT * 2])
def test_totals_stay_the_same_however_old_they_get(database: Database, age: timedelta) -> None:
    with database.transaction() as session:
        for hours in (0, 0, 1):
            when = clock.now() - age - timedelta(hours=hours)
            counts.add(session, when, {Counted("attempts", "reset", "sent"): 2, Counted("attempts", "test"): 1.5})
        counts.merge_old(session, clock.now())
        counts.merge_old(session, clock.now())
        found = counts.totals(session, "attempts", "latency")
        assert found == {("attempts", "reset", "sent"): 6, ("attempts", "test", ""): 4.5}


def test_hours_are_told_apart(database: Database) -> None:
    now = clock.now()
    with database.transaction() as session:
        for age in (timedelta(hours=30), timedelta(hours=2), timedelta(0)):
            counts.add(session, now - age, {Counted("attempts"): 1})
        found = counts.by_hour(session, "attempts", now - timedelta(hours=24))
    assert [one.total for one in found] == [1, 1]
    assert found[0].hour < found[1].hour <= now
