"""Workers say that they run."""

from datetime import timedelta

from sqlalchemy import select

from webapp.core import clock, workers
from webapp.core.database import Database
from webapp.core.workers import SILENCE, Worker


def test_a_worker_counts_while_it_says_that_it_runs(database: Database) -> None:
    now = clock.now()
    with database.transaction() as session:
        assert workers.seen(session, now) == (0, None)
        workers.beat(session, "one", now)
        workers.beat(session, "one", now + timedelta(seconds=10))
        workers.beat(session, "two", now)
        assert workers.seen(session, now) == (2, now + timedelta(seconds=10))
        assert workers.seen(session, now + SILENCE + timedelta(seconds=5)).alive == 1
        workers.leave(session, "one", now)
        assert workers.seen(session, now).alive == 1


def test_a_worker_forgets_those_that_are_gone_and_those_from_the_future(database: Database) -> None:
    now = clock.now()
    with database.transaction() as session:
        workers.beat(session, "gone", now - SILENCE)
        workers.beat(session, "from the future", now + timedelta(days=1))
        workers.beat(session, "here", now)
        assert list(session.scalars(select(Worker.token))) == ["here"]
