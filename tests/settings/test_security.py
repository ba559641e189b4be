"""The security settings: their defaults, and saving them."""

from dataclasses import replace

from sqlalchemy import select

from webapp.audit.models import AuditEntry
from webapp.core.database import Database
from webapp.settings.service import SecurityPolicy, save_security, security


def test_the_defaults_apply_until_something_is_saved(database: Database) -> None:
    with database.read() as session:
        assert security(session) == SecurityPolicy()


def test_saved_settings_apply_and_the_audit_entry_names_what_changed(database: Database) -> None:
    longer = replace(SecurityPolicy(), password_min_length=12, reset_minutes=30)
    for _ in range(2):
        with database.transaction() as session:
            save_security(session, longer)
    with database.read() as session:
        assert security(session) == longer
        changed = [entry.data["changed"] for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
    # Saving the same once more left none.
    assert changed == [["password_min_length", "reset_minutes"]]
