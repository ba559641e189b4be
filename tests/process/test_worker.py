"""The worker as a process: woken, stopped, killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import update

from tests.conftest import Enqueue, GetMessage
from tests.support.authorization import running_provider
from tests.support.grants import GrantOwner
from tests.support.inbox import Inbox
from tests.support.receiver import running_receiver
from tests.support.running import until
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.outbox import claims, service
from webapp.outbox.models import Message, MessageState
from webapp.outbox.queue import WakeUpQueue
from webapp.process.worker import THREADS, Intervals, WorkerProcess
from webapp.webhooks import service as webhooks

PROGRAM = "from webapp import create_app\nfrom webapp.process import worker\nworker.run(create_app())"
Process = subprocess.Popen[bytes]
StartProcess = Callable[[], Process]
RunWorker = Callable[..., WorkerProcess]


@pytest.fixture
def start_worker(config: Config) -> Iterator[StartProcess]:
    """Start a worker process; it is killed at the end of the test."""
    started: list[Process] = []
    environment = {
        **os.environ,
        "MAILROOM_INSTANCE": str(config.instance),
        "MAILROOM_DATABASE_URL": config.database_url,
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
    """Run a worker in this process, with other intervals if given; it stops at the end of the test."""
    with ExitStack() as stack:
        yield lambda **intervals: stack.enter_context(running_worker(app, Intervals(**intervals)))


@contextmanager
def running_worker(app: Flask, intervals: Intervals) -> Iterator[WorkerProcess]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    worker = WorkerProcess(app, intervals)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(graceful=True)  # type: ignore[no-untyped-call]
        for number, handler in handlers.items():
            signal.signal(number, handler)


def wait_until_sending(server: ScriptedServer, process: Process) -> None:
    """Wait until the worker has sent a message that the server has not accepted yet."""
    until(lambda: "DATA" in server.commands)
    assert process.poll() is None


def wait_for_first_run(worker: WorkerProcess) -> None:
    until(lambda: all(thread.next_run > 0 for thread, _ in worker.worker_threads))


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
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_stopped_finishes_the_messages_in_flight(
    enqueue: Enqueue,
    start_worker: StartProcess,
    use_server: Callable[..., None],
    get_message: GetMessage,
    number: signal.Signals,
) -> None:
    ids = [enqueue() for _ in range(2 * THREADS)]
    with ScriptedServer(drip=0.003) as server:
        use_server(server)
        process = start_worker()
        wait_until_sending(server, process)
        process.send_signal(number)
        assert process.wait(30) == 0
    assert {get_message(one).state for one in ids} == {MessageState.QUEUED, MessageState.SENT}


def test_a_wake_up_starts_delivery_at_once(inbox: Inbox, run_worker: RunWorker, enqueue: Enqueue) -> None:
    wait_for_first_run(run_worker(sweep=60))
    time.sleep(0.2)
    enqueue()
    assert len(inbox.wait(1, seconds=5)) == 1


@pytest.mark.one_database
def test_a_message_whose_wake_up_was_lost_is_found_by_the_next_run(
    inbox: Inbox, database: Database, run_worker: RunWorker
) -> None:
    wait_for_first_run(run_worker(sweep=0.3))
    WakeUpQueue("sqlite:////dev/null/queue").attach_to(database)
    with database.transaction() as session:
        service.enqueue(session, "test", "eve@people.example")
    assert len(inbox.wait(1)) == 1


@pytest.mark.one_database
def test_a_lease_is_renewed_while_its_worker_lives(
    monkeypatch: pytest.MonkeyPatch,
    run_worker: RunWorker,
    enqueue: Enqueue,
    get_message: GetMessage,
    use_server: Callable[..., None],
) -> None:
    monkeypatch.setattr(claims, "LEASE", timedelta(seconds=1.5))
    message_id = enqueue()
    with ScriptedServer(replies={"GREETING": "220 " + "x" * 150}, drip=0.02) as server:
        use_server(server)
        run_worker(sweep=0.2)
        until(lambda: get_message(message_id).state == MessageState.SENT, 30)
    assert (get_message(message_id).attempts, server.connections) == (1, 1)


@pytest.mark.one_database
def test_a_run_ends_in_time_and_leaves_messages_for_the_next(
    app: Flask, enqueue: Enqueue, get_message: GetMessage
) -> None:
    message_id = enqueue()
    WorkerProcess(app, Intervals(longest_run=0)).worker_threads[0][0].loop()
    assert get_message(message_id).attempts == 0


@pytest.mark.one_database
def test_the_worker_sends_the_webhook_an_event_about_a_dead_grant(run_worker: RunWorker, state: AppState) -> None:
    with running_provider() as provider, running_receiver() as receiver:
        owner = GrantOwner.create(state, provider)
        owner.save()
        with time_machine.travel(clock.now() - timedelta(days=2)):
            owner.authorize()
        provider.revoke()
        with state.database.transaction() as session:
            secret = webhooks.save(session, state.sealer, receiver.url)
        run_worker()
        until(lambda: receiver.types == ["mail_server.grant_refused"], 30)
        assert receiver.received[0].is_signed_with(secret or "")
