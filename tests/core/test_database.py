"""The database: times, transactions, SQLite's settings."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from webapp.accounts.models import SetupToken
from webapp.core.database import Database, after_commit

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.engine.dispose()


def save(database: Database, key: str, moment: datetime = NOON) -> None:
    with database.transaction() as session:
        session.add(SetupToken(token_hash=key, created_at=moment))


def read(database: Database, key: str) -> SetupToken | None:
    with database.read() as session:
        return session.get(SetupToken, key)


def test_a_time_is_read_back_in_utc(database: Database) -> None:
    tokyo = timezone(timedelta(hours=9))
    save(database, "key", NOON.astimezone(tokyo))
    kept = read(database, "key")
    assert kept is not None
    assert (kept.created_at, kept.created_at.tzinfo) == (NOON, UTC)


def test_an_error_does_not_quote_the_values_of_its_statement(database: Database) -> None:
    save(database, "key")
    with pytest.raises(IntegrityError) as caught:
        save(database, "key")
    assert "2026" not in str(caught.value)


def test_a_time_without_a_time_zone_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="without a time zone"):
        save(database, "key", NOON.replace(tzinfo=None))


def test_an_exception_rolls_the_transaction_back(database: Database) -> None:
    def save_and_fail() -> None:
        with database.transaction() as session:
            session.add(SetupToken(token_hash="key", created_at=NOON))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        save_and_fail()
    assert read(database, "key") is None


def test_after_commit_calls_a_function_once_after_the_commit(database: Database) -> None:
    seen = []

    def look() -> None:
        seen.append(read(database, "key") is not None)

    with database.transaction() as session:
        after_commit(session, look)
        after_commit(session, look)
        session.add(SetupToken(token_hash="key", created_at=NOON))
        assert seen == []
    assert seen == [True]


def test_after_commit_calls_nothing_after_a_rollback(database: Database) -> None:
    done: list[bool] = []

    def promise_and_fail() -> None:
        with database.transaction() as session:
            after_commit(session, lambda: done.append(True))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        promise_and_fail()
    assert done == []


def test_concurrent_writers_wait_for_each_other(database: Database) -> None:
    def read_then_write(number: int) -> None:
        with database.transaction() as session:
            session.scalar(select(func.count()).select_from(SetupToken))
            session.add(SetupToken(token_hash=str(number), created_at=NOON))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read_then_write, range(80)))
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(SetupToken)) == 80


@pytest.mark.one_database
@pytest.mark.usefixtures("sqlite_with_sync")
def test_sqlite_enforces_foreign_keys_and_syncs_every_commit(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.sqlite'}")
    with database.engine.connect() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("foreign_keys", "synchronous")]
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    database.engine.dispose()
    assert (pragmas, journal) == ([1, 2], "wal")


def test_a_relaxed_connection_commits_each_statement(database: Database) -> None:
    save(database, "key")
    with database.relaxed() as connection:
        connection.execute("UPDATE setup_tokens SET token_hash = 'other'")
        connection.rollback()
    assert read(database, "other") is not None


@pytest.mark.one_database
def test_a_relaxed_connection_waits_for_the_disk_again_when_it_is_given_back(
    database: Database, sqlite_with_sync: None
) -> None:
    with database.relaxed() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)
    with database.engine.connect() as pooled:
        assert pooled.connection.driver_connection is connection
        assert pooled.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_relaxed_connection_that_failed_is_not_used_again(database: Database) -> None:
    with pytest.raises(ValueError, match="wrong"), database.relaxed() as connection:
        raise ValueError("wrong")
    with database.engine.connect() as pooled:
        assert pooled.connection.driver_connection is not connection
