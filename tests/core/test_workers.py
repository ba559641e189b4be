"""Workers say that they run."""

from datetime import timedelta

from sqlalchemy import select

from webapp.core import clock, workers
from webapp.core.database import Database
from webapp.core.workers import SILENCE, Worker


def test_a_worker_counts_while_it_says_that_it_runs(database: Database) -> None:
    now = clock.now()
    with database.transaction() as session:
        assert workers.count(session, now) == 0
        workers.beat(session, "one", now)
        workers.beat(session, "one", now + timedelta(seconds=10))
        workers.beat(session, "two", now)
        assert workers.count(session, now) == 2
        assert workers.count(session, now + SILENCE + timedelta(seconds=5)) == 1


def test_a_worker_forgets_those_that_are_gone_and_those_from_the_future(database: Database) -> None:
    now = clock.now()
    with database.transaction() as session:
        workers.beat(session, "gone", now - SILENCE)
        workers.beat(session, "from the future", now + timedelta(days=1))
        workers.beat(session, "dead", now)
        workers.beat(session, "here", now)
        workers.forget(session, "dead")
        assert list(session.scalars(select(Worker.token))) == ["here"]
