"""The worker as a process: woken, stopped, killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update

from tests.conftest import Enqueue, GetMessage
from tests.support.authorization import running_provider
from tests.support.grants import GrantOwner
from tests.support.inbox import Inbox
from tests.support.receiver import running_receiver
from tests.support.redis import running_redis
from tests.support.running import until
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.config import Config
from webapp.core.database import AFTER_COMMIT, Database
from webapp.core.queue import get_queue
from webapp.mail.models import Grant
from webapp.outbox import claims, service
from webapp.outbox.models import Message, MessageState
from webapp.process import worker
from webapp.process.worker import STOP_SIGNALS, WorkerProcess
from webapp.webhooks import service as webhooks

PROGRAM = "from webapp import create_app\nfrom webapp.process import worker\nworker.run(create_app())"
# With PostgreSQL as the database, that is the queue, too.
QUEUES = ["default", "redis"]
Process = subprocess.Popen[bytes]
StartProcess = Callable[[], Process]
RunWorker = Callable[..., WorkerProcess]


@pytest.fixture
def config_values(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """The queue on Redis if the test is about that, else where it is by default."""
    if getattr(request, "param", "default") == "default":
        yield {}
    else:
        with running_redis() as redis:
            yield {"queue_url": redis.url}


@pytest.fixture
def start_worker(config: Config) -> Iterator[StartProcess]:
    """Start a worker process; it is killed at the end of the test."""
    started: list[Process] = []
    environment = {
        **os.environ,
        "MAILROOM_INSTANCE": str(config.instance),
        "MAILROOM_DATABASE_URL": config.database_url,
        "MAILROOM_QUEUE_URL": config.queue_url,
        "MAILROOM_SECRET_KEY": config.secret_key,
    }

    def start() -> Process:
        started.append(subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def run_worker(app: Flask) -> Iterator[RunWorker]:
    """Run a worker in this process; it stops at the end of the test."""
    with ExitStack() as stack:
        yield lambda threads=2: stack.enter_context(running_worker(app, threads))


@contextmanager
def running_worker(app: Flask, threads: int) -> Iterator[WorkerProcess]:
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    worker = WorkerProcess(app, threads)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def wait_until_sending(server: ScriptedServer, process: Process) -> None:
    """Wait until the worker has sent a message that the server has not accepted yet."""
    until(lambda: "DATA" in server.commands)
    assert process.poll() is None


def expire_leases(database: Database) -> None:
    with database.transaction() as session:
        session.execute(update(Message).values(lease_expires_at=clock.now() - timedelta(seconds=1)))
        claims.sweep(session, clock.now())


def test_a_message_survives_a_worker_that_is_killed_while_sending(
    enqueue: Enqueue,
    start_worker: StartProcess,
    use_server: Callable[..., None],
    database: Database,
    get_message: GetMessage,
) -> None:
    message_id = enqueue()
    with ScriptedServer(stall_at="END") as server:
        use_server(server)
        process = start_worker()
        wait_until_sending(server, process)
        process.kill()
        process.wait()
    assert get_message(message_id).state == MessageState.SENDING
    expire_leases(database)
    with ScriptedServer() as server:
        use_server(server)
        start_worker()
        until(lambda: get_message(message_id).state == MessageState.SENT)
    assert len(server.messages) == 1


@pytest.mark.one_database
def test_a_worker_that_is_stopped_finishes_the_messages_in_flight(
    enqueue: Enqueue,
    start_worker: StartProcess,
    use_server: Callable[..., None],
    get_message: GetMessage,
) -> None:
    ids = [enqueue() for _ in range(8)]
    with ScriptedServer(drip=0.003) as server:
        use_server(server)
        process = start_worker()
        wait_until_sending(server, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert {get_message(one).state for one in ids} == {MessageState.QUEUED, MessageState.SENT}


@pytest.mark.parametrize("config_values", QUEUES, indirect=True)
def test_a_message_is_delivered_as_soon_as_it_is_committed(
    inbox: Inbox, run_worker: RunWorker, enqueue: Enqueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "SWEEP", timedelta(hours=1))
    run_worker()
    enqueue()
    inbox.wait(1)
    enqueue()
    # Huey looks once a minute.
    inbox.wait(2, seconds=10)


@pytest.mark.one_database
def test_a_message_whose_task_was_lost_is_found_by_the_next_sweep(
    inbox: Inbox, database: Database, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "SWEEP", timedelta(seconds=0.3))
    run_worker()
    with database.transaction() as session:
        service.enqueue(session, "test", "eve@people.example")
        session.info.pop(AFTER_COMMIT)
    assert len(inbox.wait(1)) == 1


@pytest.mark.one_database
def test_a_retry_begins_when_it_is_due(
    inbox: Inbox, run_worker: RunWorker, enqueue: Enqueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "SWEEP", timedelta(hours=1))
    enqueue(not_before=clock.now() + timedelta(seconds=1))
    run_worker()
    assert len(inbox.wait(1, seconds=10)) == 1


@pytest.mark.one_database
def test_a_lease_is_renewed_while_its_worker_lives(
    monkeypatch: pytest.MonkeyPatch,
    run_worker: RunWorker,
    enqueue: Enqueue,
    get_message: GetMessage,
    use_server: Callable[..., None],
) -> None:
    monkeypatch.setattr(claims, "LEASE", timedelta(seconds=1.5))
    monkeypatch.setattr(worker, "RENEWAL", 0.2)
    monkeypatch.setattr(worker, "SWEEP", timedelta(seconds=0.5))
    message_id = enqueue()
    with ScriptedServer(replies={"GREETING": "220 " + "x" * 150}, drip=0.02) as server:
        use_server(server)
        run_worker()
        until(lambda: get_message(message_id).state == MessageState.SENT, 30)
    assert (get_message(message_id).attempts, server.connections) == (1, 1)


@pytest.mark.one_database
def test_the_worker_tells_the_webhook_that_a_grant_is_dead_and_that_mail_stands_still(
    run_worker: RunWorker, state: AppState, app: Flask
) -> None:
    with running_provider() as provider, running_receiver() as receiver:
        owner = GrantOwner.create(state, provider)
        owner.save()
        with time_machine.travel(clock.now() - timedelta(days=2)):
            owner.authorize()
        provider.revoke()
        with state.database.transaction() as session:
            secret = webhooks.create(session, state.sealer, name="Pager", url=receiver.url).secret
        run_worker()
        until(lambda: grant_is_refused(state), 30)
        # As a minute later.
        get_queue(app).task("send expiry alerts").enqueue()
        until(lambda: sorted(receiver.types) == ["mail_server.grant_refused", "mail_server.stopped"], 60)
        assert all(request.is_signed_with(secret) for request in receiver.received)


def grant_is_refused(state: AppState) -> bool:
    with state.database.read() as session:
        return session.scalars(select(Grant)).one().failure is not None
