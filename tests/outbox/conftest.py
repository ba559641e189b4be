"""What the tests of the outbox share."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.support.people import add_person
from tests.support.scripted import ScriptedServer
from webapp import clock
from webapp.accounts.models import Status
from webapp.context import Parts
from webapp.database import Database
from webapp.mail.models import MailServer
from webapp.outbox import service
from webapp.outbox.models import Message

Owe = Callable[..., int]
Look = Callable[[int], Message]


@pytest.fixture
def owe(parts: Parts) -> Owe:
    """Owe a message; its id. A notice to somebody, unless said otherwise."""

    def owe(template: str = "activated", recipient: str = "eve@people.example", **given: Any) -> int:
        with parts.database.writing() as session:
            message = service.owe(session, parts.queue, template, recipient, **given)
            session.flush()
            return message.id

    return owe


@pytest.fixture
def owe_reset(owe: Owe, database: Database) -> Callable[[], int]:
    """Owe an active person a reset mail; its id."""

    def owe_reset() -> int:
        add_person(database, "eve@people.example", name="Eve")
        return owe("reset", expires_at=clock.now() + timedelta(hours=1))

    return owe_reset


@pytest.fixture
def look(database: Database) -> Look:
    """A message as it stands in the database now."""

    def look(message_id: int) -> Message:
        with database.reading() as session:
            return session.get_one(Message, message_id)

    return look


@pytest.fixture
def make_due(database: Database) -> Callable[[], None]:
    """Let the time pass that every owed message waits."""

    def make_due() -> None:
        with database.writing() as session:
            session.execute(update(Message).values(next_attempt_at=clock.now()))

    return make_due


@pytest.fixture
def use_server(parts: Parts) -> Callable[..., None]:
    """Save a server on loopback, or one that nobody listens at, as the mail server."""

    def use_server(server: ScriptedServer | None = None, **given: Any) -> None:
        values = {"provider": "custom", "mail_from": "mailroom@mailroom.example", "host": "127.0.0.1", "timeout": 5}
        values |= {"port": server.port if server else 9, "security": "none", "updated_at": clock.now(), **given}
        with parts.database.writing() as session:
            row = session.scalar(select(MailServer)) or MailServer()
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)

    return use_server


@pytest.fixture
def pending(database: Database) -> int:
    """Somebody who has not chosen a password yet; their id."""
    return add_person(database, "eve@people.example", status=Status.PENDING, name="Eve")
