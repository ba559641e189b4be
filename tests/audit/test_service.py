"""What the trail holds, and that nobody changes it."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from tests.support.browser import Browser
from tests.support.people import add_person
from webapp.accounts import events
from webapp.accounts.models import User
from webapp.audit import service as audit
from webapp.audit.models import AuditEntry
from webapp.core.actor import Actor
from webapp.core.database import Database


def entries(database: Database) -> list[AuditEntry]:
    with database.read() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def test_an_entry_says_who_did_what_to_whom_from_where(database: Database, root: Actor) -> None:
    user_id = add_person(database, "ada@example.com")
    with database.transaction() as session:
        audit.record(session, events.ROLE_CHANGED, session.get_one(User, user_id), role="member")
    entry = entries(database)[-1]
    assert (entry.by_id, entry.by_email, entry.client, entry.device) == (root.id, root.email, root.client, root.device)
    assert (entry.event, entry.person_email, entry.facts) == (
        "user.role_changed",
        "ada@example.com",
        {"role": "member"},
    )


def test_an_entry_stands_only_with_what_it_tells_of(database: Database) -> None:
    before = len(entries(database))
    with database.read() as session:
        audit.record(session, events.USER_DELETED)
    assert len(entries(database)) == before


CHANGES = ["UPDATE audit_entries SET event = 'x'", "DELETE FROM audit_entries"]
COLUMNS = "id, happened_at, event, by_email, person_email, client, device, facts"
REPLACES = f"REPLACE INTO audit_entries ({COLUMNS}) SELECT {COLUMNS.replace('event', 'client')} FROM audit_entries"


@pytest.mark.parametrize("change", [*CHANGES, REPLACES])
def test_nobody_changes_the_trail(database: Database, change: str) -> None:
    if change == REPLACES and database.engine.dialect.name != "sqlite":
        pytest.skip("SQLite alone has it")
    with database.transaction() as session:
        audit.record(session, events.USER_DELETED)
    with pytest.raises(DatabaseError, match="append-only"), database.transaction() as session:
        session.execute(text(change))
    assert entries(database)[-1].event == "user.deleted"


def test_a_request_is_put_down_to_whoever_is_signed_in(administrator: Browser, database: Database) -> None:
    administrator.submit("/settings/general", product_name="Acme", public_url="https://mail.example.com")
    entry = entries(database)[-1]
    assert (entry.by_email, entry.client) == (administrator.user.email, "127.0.0.1")
    assert sorted(entry.facts["changed"]) == ["product_name", "public_url"]
