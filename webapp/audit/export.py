"""The audit trail as a CSV file (RFC 4180)."""

import json
from collections.abc import Iterator

from webapp.audit import service
from webapp.audit.models import AuditEntry
from webapp.audit.service import Filter
from webapp.core.csv_files import iso, lines
from webapp.core.database import Database

HEADER = ("time", "event", "subject", "subject_id", "actor", "actor_id", "ip_address", "user_agent", "data")


def export_csv(database: Database, entry_filter: Filter) -> Iterator[str]:
    """Yield the file in pieces, so that its size does not matter."""
    yield lines([HEADER])
    for entries in service.read_all(database, entry_filter):
        yield lines([_row(entry) for entry in entries])


def _row(entry: AuditEntry) -> tuple[str, ...]:
    return (
        iso(entry.happened_at),
        entry.event,
        entry.subject_email,
        _number(entry.subject_id),
        entry.actor_email,
        _number(entry.actor_id),
        entry.ip_address,
        entry.user_agent,
        json.dumps(entry.data, ensure_ascii=False, sort_keys=True) if entry.data else "",
    )


def _number(number: int | None) -> str:
    return "" if number is None else str(number)
