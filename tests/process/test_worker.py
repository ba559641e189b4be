"""The worker as a process: woken, stopped, killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import update

from tests.conftest import Look, Owe
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
from webapp.process import worker
from webapp.webhooks import service as webhooks

PROGRAM = "from webapp import create_app\nfrom webapp.process import worker\nworker.run(create_app())"
Process = subprocess.Popen[bytes]
Start = Callable[[], Process]


@pytest.fixture
def start_worker(config: Config) -> Iterator[Start]:
    """Start a worker process; it is gone at the end of the test."""
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
def crew(app: Flask) -> Iterator[worker.WorkerProcess]:
    """A worker in this process, running."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    crew = worker.WorkerProcess(app)
    crew.start()
    yield crew
    crew.stop(graceful=True)  # type: ignore[no-untyped-call]
    for number, handler in handlers.items():
        signal.signal(number, handler)


def await_message(server: ScriptedServer, process: Process) -> None:
    """Wait until a message is in the worker's hand, and the server has not answered."""
    until(lambda: "DATA" in server.commands)
    assert process.poll() is None


def let_claims_lapse(database: Database) -> None:
    with database.transaction() as session:
        session.execute(update(Message).values(lease_expires_at=clock.now() - timedelta(seconds=1)))
        claims.sweep(session, clock.now())


def test_a_message_survives_a_worker_that_is_killed_while_it_sends(
    owe: Owe, start_worker: Start, use_server: Callable[..., None], database: Database, look: Look
) -> None:
    message_id = owe()
    with ScriptedServer(stall_at="END") as server:
        use_server(server)
        process = start_worker()
        await_message(server, process)
        process.kill()
        process.wait()
    assert look(message_id).state == MessageState.SENDING
    let_claims_lapse(database)
    with ScriptedServer() as server:
        use_server(server)
        start_worker()
        until(lambda: look(message_id).state == MessageState.SENT)
    assert len(server.messages) == 1


@pytest.mark.one_database
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_finishes_the_message_in_hand(
    owe: Owe, start_worker: Start, use_server: Callable[..., None], look: Look, number: signal.Signals
) -> None:
    ids = [owe() for _ in range(2 * worker.THREADS)]
    with ScriptedServer(drip=0.003) as server:
        use_server(server)
        process = start_worker()
        await_message(server, process)
        process.send_signal(number)
        assert process.wait(30) == 0
    assert {look(one).state for one in ids} == {MessageState.QUEUED, MessageState.SENT}


def test_a_wake_up_starts_delivery_at_once(inbox: Inbox, crew: worker.WorkerProcess, owe: Owe) -> None:
    until(lambda: crew.worker_threads[0][0].next_round > 0)
    time.sleep(0.2)
    owe()
    # Well below the time between two rounds without a wake-up.
    assert len(inbox.wait(1, seconds=worker.SWEEP / 2)) == 1


@pytest.mark.one_database
def test_a_lost_wake_up_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, inbox: Inbox, database: Database
) -> None:
    monkeypatch.setattr(worker, "SWEEP", 0.3)
    crew: worker.WorkerProcess = request.getfixturevalue("crew")
    until(lambda: crew.worker_threads[0][0].next_round > 0)
    WakeUpQueue("sqlite:////dev/null/queue").attach_to(database)
    with database.transaction() as session:
        service.enqueue(session, "test", "eve@people.example")
    assert len(inbox.wait(1)) == 1


@pytest.mark.one_database
def test_a_claim_holds_as_long_as_its_worker_lives(
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    owe: Owe,
    look: Look,
    use_server: Callable[..., None],
) -> None:
    monkeypatch.setattr(worker, "SWEEP", 0.2)
    monkeypatch.setattr(claims, "LEASE", timedelta(seconds=1.5))
    message_id = owe()
    with ScriptedServer(replies={"GREETING": "220 " + "x" * 150}, drip=0.02) as server:
        use_server(server)
        request.getfixturevalue("crew")
        until(lambda: look(message_id).state == MessageState.SENT, 30)
    assert (look(message_id).attempts, server.connections) == (1, 1)


@pytest.mark.one_database
def test_however_much_mail_is_owed_the_webhook_has_its_turn(
    monkeypatch: pytest.MonkeyPatch, app: Flask, parts: AppState
) -> None:
    monkeypatch.setattr(WakeUpQueue, "was_woken", lambda _queue: True)
    busy = worker.WorkerProcess(app).worker_threads[0][0]
    with running_receiver() as receiver:
        with parts.database.transaction() as session:
            webhooks.save(session, parts.sealer, receiver.url)
            webhooks.enqueue(session, "test.happened", "Something happened.")
        for _ in range(2):
            busy.loop()
        assert receiver.types == ["test.happened"]


@pytest.mark.one_database
def test_a_round_ends_in_time_with_messages_left(
    monkeypatch: pytest.MonkeyPatch, app: Flask, owe: Owe, look: Look
) -> None:
    monkeypatch.setattr(worker, "LONGEST_ROUND", 0)
    message_id = owe()
    worker.WorkerProcess(app).worker_threads[0][0].loop()
    assert look(message_id).attempts == 0


def test_the_worker_keeps_grants_alive_that_nobody_uses(request: pytest.FixtureRequest, parts: AppState) -> None:
    with running_provider() as provider:
        owner = GrantOwner.of(parts, provider)
        owner.save()
        with time_machine.travel(clock.now() - timedelta(days=2)):
            owner.sign_in()
        request.getfixturevalue("crew")
        until(lambda: len(provider.asked) > 1, 20)
        assert provider.asked == ["authorization_code", "refresh_token"]


def test_the_worker_tells_the_webhook_of_a_dead_grant(request: pytest.FixtureRequest, parts: AppState) -> None:
    with running_provider() as provider, running_receiver() as receiver:
        owner = GrantOwner.of(parts, provider)
        owner.save()
        with time_machine.travel(clock.now() - timedelta(days=2)):
            owner.sign_in()
        provider.revoke()
        with parts.database.transaction() as session:
            secret = webhooks.save(session, parts.sealer, receiver.url)
        request.getfixturevalue("crew")
        until(lambda: receiver.types == ["mail_server.grant_refused"], 30)
        assert receiver.received[0].is_signed_with(secret or "")
