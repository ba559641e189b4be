"""What a worker survives by itself: its queue or database gone for a while, its tasks lost, the clock set back."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
import time_machine
from flask import Flask
from sqlalchemy import exists, select
from sqlalchemy.exc import OperationalError

from tests.conftest import Enqueue
from tests.support.inbox import Inbox
from tests.support.postgresql import PostgreSQL, running_postgresql
from tests.support.redis import Redis, running_redis
from tests.support.running import until
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.core.queue import TABLE_PREFIX, get_queue
from webapp.outbox import service
from webapp.outbox.models import Message, MessageState
from webapp.process import worker
from webapp.process.worker import STOP_SIGNALS, WorkerProcess


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    """A server of this module's own, as tests shut it down."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="module")
def redis_server() -> Iterator[Redis]:
    with running_redis() as server:
        yield server


@pytest.fixture
def config_values(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The queue on Redis if the test is about that, else where it is by default."""
    if getattr(request, "param", "default") == "default":
        return {}
    return {"queue_url": request.getfixturevalue("redis_server").url}


on_redis = pytest.mark.parametrize("config_values", ["redis"], indirect=True)


@pytest.fixture
def _worker(app: Flask, inbox: Inbox, enqueue: Enqueue, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker in this process that has sent one message, and looks at the outbox twice a second."""
    monkeypatch.setattr(worker, "SWEEP", timedelta(seconds=0.5))
    with running_worker(app):
        enqueue()
        inbox.wait(1)
        yield


@contextmanager
def running_worker(app: Flask) -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    process = WorkerProcess(app)
    process.start()
    try:
        yield
    finally:
        process.stop()
        for number, handler in handlers.items():
            signal.signal(number, handler)


@pytest.fixture
def wipe(config: Config) -> Callable[[], None]:
    """Delete all that the queue has, and what it is in."""

    def wipe_queue() -> None:
        if config.queue_url.startswith("redis"):
            with redis.Redis.from_url(config.queue_url) as client:
                client.flushall()
        elif config.queue_url.startswith("postgresql"):
            tables = ", ".join(f"{TABLE_PREFIX}_{name}" for name in ("task", "schedule", "kv", "counter"))
            with psycopg.connect(config.queue_url, autocommit=True) as connection:
                connection.execute(f"DROP TABLE {tables}".encode())
        else:
            for path in Path(config.instance).glob("queue.sqlite*"):
                path.unlink()

    return wipe_queue


@pytest.mark.usefixtures("_worker")
@pytest.mark.parametrize("config_values", ["default", "redis"], indirect=True)
def test_messages_go_out_after_the_queue_was_wiped(
    app: Flask, inbox: Inbox, enqueue: Enqueue, wipe: Callable[[], None]
) -> None:
    for expected in (2, 3):
        wipe()
        enqueue()
        inbox.wait(expected)
        assert get_queue(app).prepare()


@on_redis
@pytest.mark.one_database
@pytest.mark.usefixtures("_worker")
def test_messages_go_out_while_redis_is_down_and_at_once_when_it_is_back(
    inbox: Inbox, enqueue: Enqueue, redis_server: Redis
) -> None:
    redis_server.stop()
    enqueue()
    inbox.wait(2)
    redis_server.start()
    enqueue()
    inbox.wait(3)


class TestPostgreSQL:
    """What concerns only this database."""

    @pytest.fixture
    def database_url(self, postgresql: PostgreSQL) -> str:
        return postgresql.wiped()

    @pytest.mark.usefixtures("_worker")
    def test_messages_go_out_after_it_was_stopped_and_started(
        self, inbox: Inbox, enqueue: Enqueue, postgresql: PostgreSQL
    ) -> None:
        with postgresql.shut_down(), pytest.raises(OperationalError):
            enqueue()
        enqueue()
        inbox.wait(2)

    @pytest.mark.usefixtures("_worker")
    def test_messages_in_flight_when_it_is_stopped_go_out_and_at_most_one_does_twice(
        self,
        enqueue: Enqueue,
        database: Database,
        use_server: Callable[..., None],
        postgresql: PostgreSQL,
    ) -> None:
        with ScriptedServer(drip=0.0005) as server:
            use_server(server)
            with database.transaction() as session:
                for number in range(60):
                    service.enqueue(session, "activated", f"{number}@people.example")
            until(lambda: len(server.messages) > 5)
            with postgresql.shut_down():
                time.sleep(1)
            until(lambda: not waiting(database), 30)
            assert len(server.messages) <= 61


def waiting(database: Database) -> bool:
    try:
        with database.read() as session:
            return bool(session.scalar(select(exists().where(Message.state != MessageState.SENT))))
    except OperationalError:
        return True


@pytest.mark.one_database
@pytest.mark.usefixtures("_worker")
def test_messages_go_out_after_the_clock_was_set_back(inbox: Inbox, enqueue: Enqueue) -> None:
    with time_machine.travel(clock.now() - timedelta(hours=2)):
        enqueue()
        inbox.wait(2)
