"""Counts as they are added while emails are delivered."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from webapp.core import clock, counts
from webapp.core.counts import Counted
from webapp.core.database import Database

Count = Callable[..., None]


@pytest.fixture
def count(database: Database) -> Count:
    """Add to a count, so many hours ago."""

    def count(measure: str, subject: str = "", detail: str = "", amount: float = 1, hours: float = 0) -> None:
        with database.transaction() as session:
            when = clock.now() - timedelta(hours=hours)
            counts.add(session, when, {Counted(measure, subject, detail): amount})

    return count
