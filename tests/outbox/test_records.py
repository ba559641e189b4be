"""What becomes of messages while the database takes nothing."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import OperationalError

from tests.conftest import Enqueue, GetMessage
from tests.support.inbox import Inbox
from tests.support.scripted import ScriptedServer
from webapp.core.database import Database
from webapp.outbox.delivery import deliver_due
from webapp.outbox.models import Attempt, MessageState

Act = Callable[[], None]
Scripted = Callable[..., ScriptedServer]
UseServer = Callable[..., None]
MAX_PAGES = 2**30


def count_attempts(database: Database) -> int:
    with database.read() as session:
        return session.scalars(select(func.count(Attempt.id))).one()


@contextmanager
def missing_for_a_second(database: Database, table: str) -> Iterator[None]:
    """Take a table away, as if the database were out of order."""

    def rename(old: str, new: str) -> None:
        with database.transaction() as session:
            session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    rename(table, "hidden")
    timer = threading.Timer(1, rename, ("hidden", table))
    timer.start()
    yield
    timer.join()


def test_nothing_is_sent_twice_when_the_database_takes_no_mark(
    enqueue: Enqueue, deliver: Act, scripted: Scripted, use_server: UseServer, database: Database,
    get_message: GetMessage,
) -> None:  # fmt: skip
    server = scripted()
    use_server(server)
    ids = [enqueue(), enqueue()]
    with missing_for_a_second(database, "attempts"):
        deliver()
    assert [get_message(one).state for one in ids] == [MessageState.SENT, MessageState.SENT]
    assert (len(server.messages), count_attempts(database)) == (2, 2)


def test_a_run_that_ends_while_the_database_is_away_leaves_nothing_claimed(
    enqueue: Enqueue, app: Flask, inbox: Inbox, database: Database, get_message: GetMessage
) -> None:
    ids = [enqueue() for _message in range(8)]
    stopped: list[AbstractContextManager[None]] = []

    def stopping() -> bool:
        if len(inbox.messages) == 5 and not stopped:
            stopped.append(missing_for_a_second(database, "messages"))
            stopped[0].__enter__()
        return bool(stopped)

    deliver_due(app, stopping=stopping)
    stopped[0].__exit__(None, None, None)
    assert Counter(get_message(one).state for one in ids) == {"sent": 5, "queued": 3}


@contextmanager
def full_disk(database: Database) -> Iterator[None]:
    """Let SQLite's file grow no more, for a second; what is free in it is used up."""
    with database.read() as session:
        pages = [session.scalars(text("PRAGMA page_count")).one()]

    def limit(driver: Any, _record: object, _connection: object) -> None:
        driver.execute(f"PRAGMA max_page_count={pages[0]}")

    event.listen(database.engine, "checkout", limit)
    with suppress(sqlite3.OperationalError), database.relaxed() as driver:
        driver.execute("CREATE TABLE filling (octets BLOB)")
        while True:
            driver.execute("INSERT INTO filling VALUES (zeroblob(4000))")
    timer = threading.Timer(1, lambda: pages.insert(0, MAX_PAGES))
    timer.start()
    yield
    timer.join()


@pytest.mark.one_database
def test_nothing_is_lost_or_sent_twice_when_the_disk_is_full(
    enqueue: Enqueue, deliver: Act, inbox: Inbox, database: Database, get_message: GetMessage
) -> None:
    ids = [enqueue(recipient=f"{number}@people.example") for number in range(40)]
    with full_disk(database), suppress(OperationalError):
        deliver()
    deliver()
    assert {get_message(one).state for one in ids} == {MessageState.SENT}
    assert len({str(mail["To"]) for mail in inbox.messages}) == len(inbox.messages) == 40
