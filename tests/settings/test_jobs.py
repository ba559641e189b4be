"""How long the audit trail is kept."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import DatabaseError

from webapp.audit import audit_events
from webapp.audit import service as audit
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.database import Database
from webapp.settings import jobs
from webapp.settings.service import SecurityPolicy, save_security


def keep_entries_for(database: Database, days: int) -> None:
    with database.transaction() as session:
        save_security(session, replace(SecurityPolicy(), audit_retention_days=days))


def add_entry(database: Database, age_in_days: int) -> int:
    with database.transaction() as session:
        session.add(entry := AuditEntry(event="x", happened_at=clock.now() - timedelta(days=age_in_days)))
    return entry.id


def clean_up(database: Database) -> list[AuditEntry]:
    """Run the job twice, as a worker does in time; return what is left."""
    for _ in range(2):
        with database.transaction() as session:
            jobs.delete_old_audit_entries(session, clock.now())
    with database.read() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def test_entries_are_kept_for_ever_unless_a_period_is_set(database: Database) -> None:
    add_entry(database, 5000)
    assert [entry.event for entry in clean_up(database)] == ["x"]


def test_entries_are_deleted_once_the_period_is_over_and_the_trail_says_so(database: Database) -> None:
    add_entry(database, 33)
    kept = add_entry(database, 29)
    keep_entries_for(database, 30)
    first, _saved, note = clean_up(database)
    assert (first.id, note.event) == (kept, audit_events.TRAIL_PRUNED.key)
    assert note.data == {"deleted": 1, "before": (clock.now() - timedelta(days=30, hours=1)).date().isoformat()}


def test_a_run_deletes_the_oldest_entries_up_to_a_number(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PRUNE_SIZE", 2)
    for age in (40, 60, 50):
        add_entry(database, age)
    keep_entries_for(database, 30)
    with database.transaction() as session:
        jobs.delete_old_audit_entries(session, clock.now())
    with database.read() as session:
        left = session.scalars(select(AuditEntry).where(AuditEntry.event == "x")).one()
    assert left.happened_at > clock.now() - timedelta(days=41)


def test_the_database_refuses_to_delete_an_entry_before_that(database: Database) -> None:
    keep_entries_for(database, 30)
    entry_id = add_entry(database, 29)
    with pytest.raises(DatabaseError, match="append-only"), database.transaction() as session:
        session.execute(delete(AuditEntry).where(AuditEntry.id == entry_id))
