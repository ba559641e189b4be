"""Workers that are killed at random moments: nothing is lost, hardly anything doubled, and mail flows again soon."""

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.support.running import running, until
from tests.support.scripted import ScriptedServer
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.outbox import service
from webapp.outbox.models import Message, MessageState

# Each costs the start of a process; `make bench` kills many more.
KILLS = 2
# More than a worker sends before it is killed.
MESSAGES = 250
# Seconds after its start in which a worker sends the first message; in twice that it has sent what dead ones left,
# whose leases last longer.
SOON = 8


@pytest.fixture
def sink(use_server: Callable[..., None]) -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        use_server(server)
        yield server


@pytest.fixture
def environ(config: Config) -> dict[str, str]:
    """The environment of a worker process."""
    names = ("instance", "database_url", "queue_url", "secret_key")
    return {f"MAILROOM_{name.upper()}": str(getattr(config, name)) for name in names}


def test_killed_workers_lose_nothing_and_double_at_most_one_message_each(
    sink: ScriptedServer, database: Database, environ: dict[str, str], tmp_path: Path
) -> None:
    people = (f"person{number}@people.example" for number in count())
    for _ in range(KILLS):
        queue_messages(database, people)
        with running(tmp_path, "worker", environ=environ) as worker:
            worker.wait_for("worker started")
            before = len(sink.messages)
            until(lambda before=before: len(sink.messages) > before, SOON)  # type: ignore[misc]
            time.sleep(random.uniform(0, 0.1))
            worker.process.kill()
            worker.process.wait()
    with running(tmp_path, "worker", environ=environ) as worker:
        worker.wait_for("worker started")
        until(lambda: not waiting(database), 2 * SOON)
    copies = Counter(re.findall(rb"^To: .*?(person\d+)", b"".join(sink.messages), re.MULTILINE))
    assert len(copies) == KILLS * MESSAGES
    assert copies.total() - len(copies) <= KILLS


def queue_messages(database: Database, people: Iterator[str]) -> None:
    with database.transaction() as session:
        for _ in range(MESSAGES):
            service.enqueue(session, "activated", next(people))


def waiting(database: Database) -> int:
    with database.read() as session:
        return session.query(Message).filter(Message.state != MessageState.SENT).count()
