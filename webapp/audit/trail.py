"""Reading the audit trail: newest first, a page or all of it, as a filter has it.

Each way to narrow it has an index that ends in the time and the id, so a page takes as long with
millions of entries as with a hundred; of two ways at once, one index is read and the other looked at.
The time comes before the id, as one asks for days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy import ColumnElement, literal, select, tuple_
from sqlalchemy.orm import Session

from webapp.audit import registry
from webapp.audit.models import AuditEntry
from webapp.core.database import Database, UtcDateTime
from webapp.core.email_addresses import comparison_key

PAGE_SIZE = 50
# How many are in memory at once while all are read.
CHUNK = 1000
# The largest id that the column can hold.
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Filter:
    """What to show; what is empty narrows nothing. The days are those of UTC, both included."""

    event: str = ""
    person: str = ""
    client: str = ""
    since: date | None = None
    until: date | None = None


def list_entries(session: Session, wanted: Filter, before: int | None) -> tuple[list[AuditEntry], bool]:
    """The newest 50, and whether there are older ones. `before` is the id at which the page before ended."""
    last = None
    if before is not None:
        last = session.get(AuditEntry, before) if 0 < before <= LARGEST_ID else None
        if last is None:
            return [], False
    found = _newest(session, wanted, last, PAGE_SIZE + 1)
    return found[:PAGE_SIZE], len(found) > PAGE_SIZE


def chunks(database: Database, wanted: Filter) -> Iterator[list[AuditEntry]]:
    """All of them, a thousand at a time. No transaction stays open in between: whoever reads may be slow."""
    last = None
    while True:
        with database.read() as session:
            found = _newest(session, wanted, last, CHUNK)
        yield found
        if len(found) < CHUNK:
            return
        last = found[-1]


def _newest(session: Session, wanted: Filter, before: AuditEntry | None, most: int) -> list[AuditEntry]:
    shared = _conditions(wanted)
    if before is not None:
        end = tuple_(literal(before.happened_at, UtcDateTime()), before.id)
        shared.append(tuple_(AuditEntry.happened_at, AuditEntry.id) < end)
    newest = select(AuditEntry).where(*shared).order_by(AuditEntry.happened_at.desc(), AuditEntry.id.desc()).limit(most)
    if not wanted.person:
        return list(session.scalars(newest))
    # One after the other, as each has its index; with OR, databases read and sort all that the person did.
    found = {entry for about in _about(session, wanted.person) for entry in session.scalars(newest.where(about))}
    return sorted(found, key=lambda entry: (entry.happened_at, entry.id), reverse=True)[:most]


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.event:
        conditions.append(AuditEntry.event == wanted.event)
    if wanted.client:
        conditions.append(AuditEntry.client == wanted.client)
    if wanted.since:
        conditions.append(AuditEntry.happened_at >= datetime.combine(wanted.since, time.min, UTC))
    if wanted.until:
        conditions.append(AuditEntry.happened_at <= datetime.combine(wanted.until, time.max, UTC))
    return conditions


def _about(session: Session, address: str) -> list[ColumnElement[bool]]:
    """What somebody did and what was done to them: by address, and by number if the account is still there.

    The number finds what happened while the account had another address.
    """
    written = dict.fromkeys((address, comparison_key(address)))
    about = [column == one for one in written for column in (AuditEntry.by_email, AuditEntry.person_email)]
    if (user_id := registry.find_user_id(session, address)) is not None:
        about += [AuditEntry.by_id == user_id, AuditEntry.person_id == user_id]
    return about
