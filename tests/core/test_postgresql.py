"""How long Mailroom waits for PostgreSQL."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import psutil
import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.support.browser import Browser
from tests.support.postgresql import PostgreSQL
from tests.support.running import until
from webapp.core import clock
from webapp.core import postgresql as limits
from webapp.core.database import Database
from webapp.core.jobs import cleanup_job
from webapp.core.keys import keyring

HASTY = "&options=-c%20lock_timeout%3D300ms%20-c%20statement_timeout%3D400ms"
SLEEP = text("SELECT pg_sleep(0.6)")


@pytest.fixture
def database_url(postgresql: PostgreSQL) -> str:
    """A PostgreSQL database: SQLite has limits of its own."""
    return postgresql.wiped()


@pytest.fixture
def hasty_url(database_url: str) -> str:
    """A database whose URL sets shorter limits than ours."""
    return f"{database_url}{HASTY}"


@pytest.fixture
def hasty(hasty_url: str) -> Iterator[Database]:
    """The database with these limits."""
    database = Database(hasty_url)
    yield database
    database.engine.dispose()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Check that the block takes no longer."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def shown(database: Database, name: str) -> str:
    with database.read() as session:
        return str(session.scalar(text(f"SHOW {name}")))


def test_the_server_gives_up_before_mailroom_does(database: Database) -> None:
    names = ("lock_timeout", "statement_timeout")
    assert [shown(database, name) for name in names] == ["10s", "15s"]
    assert limits.FIRST_ANSWER + int(limits.PARAMETERS["connect_timeout"]) + limits.ANSWER < 30


def test_parameters_in_the_url_come_before_ours(database_url: str) -> None:
    url = f"{database_url}&connect_timeout=7&options=-c%20lock_timeout%3D2s&options=-c%20work_mem%3D8MB"
    own = Database(url)
    assert [shown(own, name) for name in ("lock_timeout", "statement_timeout", "work_mem")] == ["2s", "15s", "8MB"]
    with own.engine.connect() as connection:
        assert connection.connection.driver_connection.info.get_parameters()["connect_timeout"] == "7"  # type: ignore[union-attr]
    own.engine.dispose()


def test_a_lock_that_somebody_holds_is_not_waited_for_for_ever(hasty: Database, database_url: str) -> None:
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE users")
        with within(5), pytest.raises(OperationalError, match="lock timeout"), hasty.transaction() as session:
            session.execute(text("UPDATE users SET name = ''"))


def test_a_statement_that_takes_too_long_is_canceled(hasty: Database) -> None:
    with pytest.raises(OperationalError, match="statement timeout"), hasty.read() as session:
        session.execute(SLEEP)


def test_limits_can_be_lifted_for_one_transaction(hasty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANSWER", 0.3)
    with hasty.transaction() as session:
        limits.lift_limits(session.connection())
        session.execute(SLEEP)
    assert shown(hasty, "statement_timeout") == "400ms"
    with pytest.raises(OperationalError), hasty.read() as session:
        session.execute(SLEEP)


class TestCleaningUp:
    """The worker's jobs may take as long as they need."""

    @pytest.fixture
    def database_url(self, database_url: str) -> str:
        return f"{database_url}{HASTY}"

    def test_it_is_not_cut_short(self, app: Flask, app_context: None) -> None:
        done = []
        job = cleanup_job("sleep", lambda session, _now: done.append(session.execute(SLEEP)), timedelta(hours=1))
        job.run(clock.now())
        assert done


def test_a_server_that_stops_within_a_transaction_is_given_up(
    database: Database, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ANSWER", 1)
    with database.read() as session:
        session.execute(text("SELECT 1"))
        with postgresql.stopped(), within(5), pytest.raises(OperationalError, match="no answer in 1 s"):
            session.execute(text("SELECT 1"))
    assert shown(database, "lock_timeout") == "10s"


def test_a_connection_that_a_stopped_server_does_not_answer_is_closed(
    database_url: str, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.PARAMETERS, "connect_timeout", "2")
    database, process = Database(database_url), psutil.Process()
    before = process.num_fds()
    with (
        postgresql.stopped(),
        pytest.raises(OperationalError, match="timeout expired") as failure,
        database.read() as session,
    ):
        session.execute(text("SELECT 1"))
    assert (process.num_fds(), failure.type) == (before, OperationalError)


def test_health_checks_are_answered_in_time_while_the_server_is_stopped_however_many(
    app: Flask, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "CACHE_SECONDS", 0)
    with postgresql.stopped(), ThreadPoolExecutor(8) as threads:
        with within(5):
            assert app.test_client().get("/healthz").status_code == 200
        for _ in range(2):
            # One after the other, the threads would wait 8 s or more.
            with within(5):
                answers = list(threads.map(lambda _: app.test_client().get("/readyz").json, range(64)))
            assert answers == [{"status": "unavailable", "reason": "database"}] * 64
    # The look that is still under way ends before the test does.
    until(lambda: app.test_client().get("/readyz").status_code == 200)


class TestPages:
    """Where a connection that isn't answered is given up after two seconds."""

    @pytest.fixture
    def database_url(self, database_url: str) -> str:
        return f"{database_url}&connect_timeout=2"

    def test_they_say_that_a_stopped_server_is_not_available(
        self, administrator: Browser, stranger: Browser, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "FIRST_ANSWER", 1)
        form = stranger.get("/login")
        with postgresql.stopped(), within(60):
            assert stranger.submit_on(form, email="ada@mailroom.example", password="x").status_code == 503
            assert administrator.get("/").status_code == 503
        assert administrator.get("/").status_code == 200
