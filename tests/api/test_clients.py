"""The examples in docs/connect-an-application.md, run by curl and Python."""

import shutil
import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

from tests.support.applications import add_application
from tests.support.examples import example, run_example
from webapp.accounts.models import User
from webapp.core.database import Database
from webapp.outbox.models import Message

pytestmark = pytest.mark.one_database

Run = Callable[..., str]


@pytest.fixture
def run(app: Flask, database: Database) -> Iterator[Run]:
    """Run an example of an application that may do everything."""
    add_application(database, may_manage_users=True, return_urls=["https://shop.example/"])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield lambda *command: run_example(*command, MAILROOM_URL=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.fixture
def curl(run: Run) -> Run:
    """Run an example with curl."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    return lambda name: run("sh", "-c", example(name))


@pytest.fixture
def queued(database: Database) -> Callable[[], list[tuple[str, str]]]:
    """Return kind and recipient of each queued message."""

    def read() -> list[tuple[str, str]]:
        with database.read() as session:
            return [(kind, recipient) for kind, recipient in session.execute(select(Message.kind, Message.recipient))]

    return read


def test_curl_sends_an_email(curl: Run, queued: Callable[[], list[tuple[str, str]]]) -> None:
    assert '"id":"msg_' in curl("curl").replace(" ", "")
    assert queued() == [("application", "ada@people.example")]


def test_python_sends_an_email_once_and_reads_its_state(run: Run, queued: Callable[[], list[tuple[str, str]]]) -> None:
    printed = {run("python", "-c", example("python")) for _ in range(2)}
    assert [one.split()[1] for one in printed] == ["queued"]
    assert queued() == [("application", "ada@people.example")]


def test_curl_invites_somebody(curl: Run, queued: Callable[[], list[tuple[str, str]]], database: Database) -> None:
    curl("invite")
    assert queued() == [("activation", "ada@people.example")]
    with database.read() as session:
        assert session.scalars(select(User.name)).all() == ["Ada Lovelace"]
