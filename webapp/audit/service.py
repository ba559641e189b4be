"""The audit trail: adding entries, and reading them newest first.

Each filter has an index that ends in the time and the id, so a page takes as long with millions of
entries as with a hundred. Entries are ordered by time before id because filters ask for days.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Protocol

from sqlalchemy import ColumnElement, delete, literal, select, tuple_
from sqlalchemy.orm import Session

from webapp.audit import audit_events, registry
from webapp.audit.models import AuditEntry
from webapp.audit.registry import EventType
from webapp.core import clock, logs
from webapp.core.actor import current_actor
from webapp.core.database import Database, UtcDateTime, insert_selected, json_rows
from webapp.core.email_addresses import InvalidEmailAddress, comparison_key, validate

PAGE_SIZE = 50
# How many entries an export keeps in memory.
CHUNK_SIZE = 1000
# How many entries are deleted in one transaction, which others wait for on SQLite.
PRUNE_SIZE = 20_000
# The largest id that the column can hold.
MAX_ENTRY_ID = 2**63 - 1


class Subject(Protocol):
    """The person an event is about: a user, in practice."""

    @property
    def id(self) -> int | None:
        """The user's id."""

    @property
    def email(self) -> str:
        """The user's email address."""


@dataclass(frozen=True)
class Filter:
    """Which entries to show; empty values exclude nothing. Days are in UTC, both included."""

    event: str = ""
    person: str = ""
    ip_address: str = ""
    since: date | None = None
    until: date | None = None


def record(
    session: Session, event_type: EventType, subject: Subject | None = None, email: str = "", **data: Any
) -> None:
    """Add an entry within the caller's transaction, and log the event once that is committed.

    `email` is the address that was entered, where no user was looked up; it is stored in the form
    used for comparisons, unless it is no address. `data` must hold no secrets and no email addresses,
    because it is logged.
    """
    address, data = subject.email if subject else _entered_address(email), data | _application()
    session.add(AuditEntry(**_values(event_type, subject, address, data)))
    logs.log_after_commit(session, event_type.key, **({"user": subject.id, **data} if subject else data))


def record_all(session: Session, event_type: EventType, subjects: Sequence[Subject], **data: Any) -> None:
    """Add an entry about each of these people, in one statement, and log one event for all of them."""
    if not subjects:
        return
    data |= _application()
    people = json_rows(session, [(one.id, one.email) for one in subjects])
    values = _values(event_type, None, "", data) | {
        "subject_id": people.c.value[0].as_integer(),
        "subject_email": people.c.value[1].as_string(),
    }
    session.execute(insert_selected(AuditEntry, values))
    logs.log_after_commit(
        session, event_type.key, users=_in_ranges(one.id for one in subjects if one.id is not None), **data
    )


def list_entries(session: Session, entry_filter: Filter, before: int | None) -> tuple[list[AuditEntry], bool]:
    """Return the newest 50 entries, and whether there are older ones. `before` is the last id of the previous page."""
    last = None
    if before is not None:
        last = session.get(AuditEntry, before) if 0 < before <= MAX_ENTRY_ID else None
        if last is None:
            return [], False
    found = _newest(session, entry_filter, last, PAGE_SIZE + 1)
    return found[:PAGE_SIZE], len(found) > PAGE_SIZE


def read_all(database: Database, entry_filter: Filter, chunk_size: int = CHUNK_SIZE) -> Iterator[list[AuditEntry]]:
    """Yield all entries in chunks. No transaction stays open between chunks, because the client may be slow."""
    last = None
    while True:
        with database.read() as session:
            found = _newest(session, entry_filter, last, chunk_size)
        yield found
        if len(found) < chunk_size:
            return
        last = found[-1]


def prune(session: Session, before: date) -> None:
    """Delete the oldest entries from before this day (UTC), at most PRUNE_SIZE, and record that.

    The database refuses it unless the retention period in the security settings is over for each.
    """
    old = select(AuditEntry.id).where(AuditEntry.happened_at < datetime.combine(before, time.min, UTC))
    oldest = old.order_by(AuditEntry.happened_at, AuditEntry.id).limit(PRUNE_SIZE)
    deleted = session.scalars(delete(AuditEntry).where(AuditEntry.id.in_(oldest)).returning(AuditEntry.id)).all()
    if deleted:
        record(session, audit_events.TRAIL_PRUNED, deleted=len(deleted), before=before.isoformat())


def _in_ranges(ids: Iterable[int]) -> str:
    """Return ids such as `2-501, 510`: those of an import follow each other."""
    ranges: list[list[int]] = []
    for number in sorted(ids):
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    return ", ".join("-".join(map(str, ends)) for ends in ranges)


def _values(event_type: EventType, subject: Subject | None, subject_email: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the columns of an entry made now."""
    request = current_actor()
    is_visitor = request.ip_address and request.id is None and not request.application
    actor = subject if subject and is_visitor and event_type.by_subject else request
    return {
        "happened_at": clock.now(),
        "event": event_type.key,
        "actor_id": actor.id,
        "actor_email": actor.email,
        "subject_id": subject.id if subject else None,
        "subject_email": subject_email,
        "ip_address": request.ip_address,
        "user_agent": request.user_agent,
        "data": data,
    }


def _application() -> dict[str, str]:
    """Return the name of the application that acts, as data of an entry."""
    name = current_actor().application
    return {"by_application": name} if name else {}


def _entered_address(email: str) -> str:
    """Return the address for comparisons; empty for anything else, such as a password in the wrong field."""
    try:
        return comparison_key(validate(email))
    except InvalidEmailAddress:
        return ""


def _newest(session: Session, entry_filter: Filter, before: AuditEntry | None, limit: int) -> list[AuditEntry]:
    conditions = _conditions(entry_filter)
    if before is not None:
        end = tuple_(literal(before.happened_at, UtcDateTime()), before.id)
        conditions.append(tuple_(AuditEntry.happened_at, AuditEntry.id) < end)
    newest = select(AuditEntry).where(*conditions)
    newest = newest.order_by(AuditEntry.happened_at.desc(), AuditEntry.id.desc()).limit(limit)
    if not entry_filter.person:
        return list(session.scalars(newest))
    # One query per column, because each column has its index: with OR, databases read and sort all entries of a person.
    found = {
        entry
        for involved in _involves(session, entry_filter.person)
        for entry in session.scalars(newest.where(involved))
    }
    return sorted(found, key=lambda entry: (entry.happened_at, entry.id), reverse=True)[:limit]


def _conditions(entry_filter: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if entry_filter.event:
        conditions.append(AuditEntry.event == entry_filter.event)
    if entry_filter.ip_address:
        conditions.append(AuditEntry.ip_address == entry_filter.ip_address)
    if entry_filter.since:
        conditions.append(AuditEntry.happened_at >= datetime.combine(entry_filter.since, time.min, UTC))
    if entry_filter.until:
        conditions.append(AuditEntry.happened_at <= datetime.combine(entry_filter.until, time.max, UTC))
    return conditions


def _involves(session: Session, email: str) -> list[ColumnElement[bool]]:
    """List conditions for entries in which somebody acted or was affected.

    They match the address as entered and as compared, and the id of its present user, which also
    finds entries from before an address change.
    """
    addresses = dict.fromkeys((email, comparison_key(email)))
    conditions = [
        column == address for address in addresses for column in (AuditEntry.actor_email, AuditEntry.subject_email)
    ]
    if (user_id := registry.find_user_id(session, email)) is not None:
        conditions += [AuditEntry.actor_id == user_id, AuditEntry.subject_id == user_id]
    return conditions
