"""Rate limits, on both kinds of database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from webapp.core import clock, rate_limits
from webapp.core.app_state import app_state
from webapp.core.database import Database
from webapp.core.errors import TooManyRequests
from webapp.core.rate_limits import Limit

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIMIT = Limit("test", times=3, period=timedelta(minutes=30))


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    """A clock that stands still until it is moved."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.engine.dispose()


def take(database: Database, who: str = "ada", limit: Limit = LIMIT) -> bool:
    with database.transaction() as session:
        try:
            rate_limits.consume(session, limit, who)
        except TooManyRequests:
            return False
    return True


def test_a_refusal_says_when_to_come_back(database: Database, now: time_machine.Traveller) -> None:
    for _ in range(3):
        take(database)
    now.shift(60)
    with database.transaction() as session, pytest.raises(TooManyRequests) as refusal:
        rate_limits.consume(session, LIMIT, "ada")
    assert refusal.value.retry_after == 9 * 60


def test_it_refills_evenly(database: Database, now: time_machine.Traveller) -> None:
    for _ in range(3):
        take(database)
    now.shift(10 * 60 - 1)
    assert not take(database)
    now.shift(1)
    assert [take(database), take(database)] == [True, False]


def test_a_long_rest_saves_up_no_more_than_the_limit(database: Database, now: time_machine.Traveller) -> None:
    take(database)
    now.shift(30 * 24 * 3600)
    assert [take(database) for _ in range(4)] == [True, True, True, False]


def test_everybody_and_every_limit_counts_apart(database: Database, now: time_machine.Traveller) -> None:
    other = Limit("other", LIMIT.times, LIMIT.period)
    for _ in range(4):
        take(database)
    assert take(database, "max")
    assert take(database, limit=other)


def test_what_is_given_back_can_be_used_again(database: Database, now: time_machine.Traveller) -> None:
    for _ in range(3):
        take(database)
    with database.transaction() as session:
        rate_limits.give_back(session, LIMIT, "ada")
    assert [take(database), take(database)] == [True, False]


def test_places_count_apart_and_are_forgotten_together(database: Database, now: time_machine.Traveller) -> None:
    with database.transaction() as session:
        taken = [rate_limits.try_consume(session, LIMIT, "ada", place) for place in ("here", "there") for _ in range(4)]
        rate_limits.consume(session, LIMIT, "max", "here")
        assert taken == [True, True, True, False] * 2
        assert rate_limits.seconds_to_wait(session, LIMIT, "ada", "here", "nowhere") == 10 * 60
        rate_limits.reset(session, LIMIT, "ada")
        assert rate_limits.exhausted_until(session, LIMIT, "ada") is None
        assert rate_limits.exhausted_until(session, LIMIT, "max") == START + timedelta(minutes=10)


@pytest.mark.parametrize("back", [timedelta(minutes=1), timedelta(days=1), timedelta(days=4000)])
def test_a_clock_that_is_set_back_refuses_nobody_for_longer(
    database: Database, now: time_machine.Traveller, back: timedelta
) -> None:
    for _ in range(3):
        take(database)
    now.shift(-back)
    take(database)
    now.shift(15 * 60)
    assert take(database)


def test_what_a_clock_far_ahead_counted_is_swept(database: Database, now: time_machine.Traveller) -> None:
    take(database)
    now.shift(timedelta(days=-4000))
    with database.transaction() as session:
        rate_limits.sweep(session, clock.now())
        assert session.query(rate_limits.RateLimit).count() == 0


def test_many_at_once_get_the_limit_and_no_more(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: take(database), range(24)))
    assert taken.count(True) == LIMIT.times


def test_sweeping_takes_only_what_limits_nobody(database: Database, now: time_machine.Traveller) -> None:
    take(database, "early")
    now.shift(11 * 60)
    for _ in range(3):
        take(database, "late")
    with database.transaction() as session:
        rate_limits.sweep(session, clock.now())
        assert session.query(rate_limits.RateLimit).count() == 1
    assert not take(database, "late")


def test_sweeping_waits_for_nobody_who_counts(database: Database, now: time_machine.Traveller) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("Its writers wait for each other anyway.")
    take(database, "ada")
    take(database, "max")
    now.shift(11 * 60)
    with database.transaction() as counting, database.transaction() as session:
        rate_limits.consume(counting, LIMIT, "ada")
        session.execute(text("SET lock_timeout = '1s'"))
        rate_limits.sweep(session, clock.now())
        assert session.query(rate_limits.RateLimit).count() == 1


def test_the_table_tells_nobody_who_was_limited(database: Database) -> None:
    take(database, "ada@mailroom.example")
    with database.read() as session:
        assert "ada" not in session.query(rate_limits.RateLimit).one().key


@pytest.mark.one_database
def test_limits_can_be_switched_off(app: Flask, database: Database) -> None:
    with app.app_context():
        assert [take(database) for _ in range(5)].count(True) == LIMIT.times
        app.extensions["mailroom"] = replace(app_state(), config=replace(app_state().config, rate_limits="off"))
        assert all(take(database) for _ in range(5))
