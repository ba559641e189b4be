"""Preparing a batch of messages."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.conftest import Enqueue
from webapp.audit import audit_events
from webapp.audit import service as audit
from webapp.audit.models import AuditEntry
from webapp.core.database import Database
from webapp.core.errors import NotFound
from webapp.outbox.kinds import TEST_KIND, ClaimedMessage, PreparedMessage, Unwanted, register_kinds
from webapp.outbox.models import Message
from webapp.outbox.preparation import Outcome, prepare

PrepareAll = Callable[[], dict[str, Outcome]]


@pytest.fixture
def prepare_all(database: Database) -> PrepareAll:
    """Prepare all messages as one batch; return what became of each, by recipient."""

    def prepare_all() -> dict[str, Outcome]:
        with database.read() as session:
            messages = session.scalars(select(Message)).all()
        outcomes = prepare(database, messages)
        return {message.recipient: outcomes[message.id] for message in messages}

    return prepare_all


@pytest.fixture
def fragile(app: Flask) -> str:
    """The name of a kind that changes the database for each message, and then fails as its data says."""

    def prepare(session: Session, messages: Sequence[ClaimedMessage]) -> dict[int, PreparedMessage | Unwanted]:
        for message in messages:
            audit.record(session, audit_events.TRAIL_PRUNED, email=message.recipient)
            if statement := message.data.get("statement"):
                session.execute(text(statement))
        return {message.id: PreparedMessage(message.recipient, {}) for message in messages}

    register_kinds(app, replace(TEST_KIND, name="fragile", prepare=prepare))
    return "fragile"


def test_one_that_fails_does_not_harm_the_others_of_its_batch(
    fragile: str, enqueue: Enqueue, prepare_all: PrepareAll, database: Database
) -> None:
    for name, data in [
        ("ada", {}),
        ("bad", {"statement": "INSERT INTO audit_entries (event) VALUES (NULL)"}),
        ("eve", {}),
        ("nobody", None),
    ]:
        enqueue(fragile if data is not None else "removed", f"{name}@example.com", data=data)
    prepared = prepare_all()
    kinds = [type(prepared[f"{name}@example.com"]) for name in ("ada", "eve", "nobody")]
    assert kinds == [PreparedMessage, PreparedMessage, NotFound]
    assert isinstance(prepared["bad@example.com"], Exception)
    with database.read() as session:
        noted = select(AuditEntry.subject_email).where(AuditEntry.event == audit_events.TRAIL_PRUNED.key)
        assert session.scalars(noted).all() == ["ada@example.com", "eve@example.com"]


@pytest.mark.one_database
def test_a_database_that_fails_is_no_messages_fault(fragile: str, enqueue: Enqueue, prepare_all: PrepareAll) -> None:
    enqueue(fragile, data={"statement": "SELECT * FROM no_such_table"})
    with pytest.raises(OperationalError):
        prepare_all()
