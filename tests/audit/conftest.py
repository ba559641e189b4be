"""What tests of the trail share."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from webapp.accounts import events
from webapp.audit.models import AuditEntry
from webapp.audit.registry import EventType
from webapp.core.actor import SYSTEM, Actor, set_actor
from webapp.core.database import Database

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def root() -> Iterator[Actor]:
    """An administrator who acts."""
    root = Actor(1, "root@example.com", "192.0.2.1", "Firefox")
    set_actor(root)
    yield root
    set_actor(SYSTEM)


@pytest.fixture
def happened(database: Database) -> Callable[..., int]:
    """Puts an entry into the trail; its id."""

    def add(event: EventType = events.SESSION_STARTED, at: datetime = NOON, **columns: Any) -> int:
        with database.transaction() as session:
            session.add(entry := AuditEntry(event=event.key, happened_at=at, **columns))
        return entry.id

    return add


@pytest.fixture
def told(database: Database) -> Callable[[EventType], AuditEntry]:
    """The last entry of a kind."""

    def last(event: EventType) -> AuditEntry:
        with database.read() as session:
            found = session.scalars(
                select(AuditEntry).where(AuditEntry.event == event.key).order_by(AuditEntry.id.desc())
            ).first()
        assert found is not None, f"no entry says {event.key}"
        return found

    return last


@pytest.fixture
def app_context(app: Flask) -> Iterator[None]:
    """Run the test inside the application's context."""
    with app.app_context():
        yield
