"""Fixtures of the audit tests."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from webapp.accounts import audit_events
from webapp.audit.models import AuditEntry
from webapp.audit.registry import EventType
from webapp.core.actor import SYSTEM, Actor, set_actor
from webapp.core.database import Database

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def root() -> Iterator[Actor]:
    """An administrator who is acting."""
    root = Actor(1, "root@example.com", "192.0.2.1", "Firefox")
    set_actor(root)
    yield root
    set_actor(SYSTEM)


@pytest.fixture
def add_entry(database: Database) -> Callable[..., int]:
    """Add an entry and return its id."""

    def add_entry(event_type: EventType = audit_events.SESSION_STARTED, at: datetime = NOON, **columns: Any) -> int:
        with database.transaction() as session:
            session.add(entry := AuditEntry(event=event_type.key, happened_at=at, **columns))
        return entry.id

    return add_entry


@pytest.fixture
def last_entry(database: Database) -> Callable[[EventType], AuditEntry]:
    """Return the last entry of an event type."""

    def last_entry(event_type: EventType) -> AuditEntry:
        newest = select(AuditEntry).where(AuditEntry.event == event_type.key).order_by(AuditEntry.id.desc())
        with database.read() as session:
            entry = session.scalars(newest).first()
        assert entry is not None, f"there is no entry {event_type.key}"
        return entry

    return last_entry
