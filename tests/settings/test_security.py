"""The security settings: their defaults, and saving them."""

from dataclasses import replace

from sqlalchemy import select

from webapp.audit.models import Entry
from webapp.database import Database
from webapp.settings.security import Security, save, security


def test_the_defaults_hold_until_something_is_saved(database: Database) -> None:
    with database.reading() as session:
        assert security(session) == Security()


def test_what_is_saved_holds_and_the_trail_names_what_changed(database: Database) -> None:
    longer = replace(Security(), password_length=12, reset_minutes=30)
    for _ in range(2):
        with database.writing() as session:
            save(session, longer)
    with database.reading() as session:
        assert security(session) == longer
        changed = [entry.facts["changed"] for entry in session.scalars(select(Entry).order_by(Entry.id))]
    assert changed[-2:] == [["password_length", "reset_minutes"], []]
