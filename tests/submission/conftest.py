"""The SMTP server, and a client of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.support.applications import add_application
from tests.support.submission import Wire, running_submission
from webapp.applications.models import Application
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.outbox.models import Message
from webapp.outbox.submissions import contents
from webapp.outbox.submissions.models import Submission

Connect = Callable[..., Wire]


@pytest.fixture
def config_values() -> dict[str, Any]:
    """One address, without TLS, and emails of at most a megabyte."""
    return {"submission": "127.0.0.1:2525", "submission_max_size": "1"}


@pytest.fixture
def shop(database: Database) -> Application:
    """An application that may send from shop.example."""
    return add_application(database)


@pytest.fixture
def port(app: Flask, shop: Application) -> Iterator[int]:
    """The port of a running server."""
    with running_submission(app) as (port,):
        yield port


@pytest.fixture
def connect(port: int) -> Iterator[Connect]:
    """Connect to the server."""
    with ExitStack() as stack:

        def connect_to(given: int = port, **options: Any) -> Wire:
            wire = Wire(given, **options)
            stack.callback(wire.close)
            return wire

        yield connect_to


@pytest.fixture
def client(connect: Connect) -> Wire:
    """A client that has authenticated as the shop."""
    return connect().authenticate()


@pytest.fixture
def accepted(database: Database, state: AppState) -> Callable[[], list[tuple[str, list[str], bytes]]]:
    """Return what was accepted: sender, recipients and content of each email."""

    def read() -> list[tuple[str, list[str], bytes]]:
        with database.read() as session:
            return [
                (
                    one.sender,
                    list(session.scalars(select(Message.recipient).where(Message.submission_id == one.id))),
                    contents.content(session, one.id, state.sealer) or b"",
                )
                for one in session.scalars(select(Submission).order_by(Submission.id))
            ]

    return read
