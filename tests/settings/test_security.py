"""The security settings: their defaults, and saving them."""

from dataclasses import replace

from sqlalchemy import select

from webapp.audit.models import AuditEntry
from webapp.core.database import Database
from webapp.settings.security import SecurityPolicy, save, security


def test_the_defaults_hold_until_something_is_saved(database: Database) -> None:
    with database.read() as session:
        assert security(session) == SecurityPolicy()


def test_what_is_saved_holds_and_the_trail_names_what_changed(database: Database) -> None:
    longer = replace(SecurityPolicy(), password_length=12, reset_minutes=30)
    for _ in range(2):
        with database.transaction() as session:
            save(session, longer)
    with database.read() as session:
        assert security(session) == longer
        changed = [entry.data["changed"] for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
    assert changed[-2:] == [["password_length", "reset_minutes"], []]
