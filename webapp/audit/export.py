"""The audit trail as a CSV file (RFC 4180)."""

import csv
import io
import json
from collections.abc import Iterator

from webapp.audit import service
from webapp.audit.models import AuditEntry
from webapp.audit.service import Filter
from webapp.core.database import Database

HEADER = ("time", "event", "subject", "subject_id", "actor", "actor_id", "ip_address", "user_agent", "data")
# Cells that start with one of these are formulas to spreadsheets (OWASP, “CSV Injection”).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def export_csv(database: Database, entry_filter: Filter) -> Iterator[str]:
    """Yield the file in pieces, so that its size does not matter."""
    yield _lines([HEADER])
    for entries in service.read_all(database, entry_filter):
        yield _lines([_row(entry) for entry in entries])


def _row(entry: AuditEntry) -> tuple[str, ...]:
    cells = (
        entry.happened_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        entry.event,
        entry.subject_email,
        _number(entry.subject_id),
        entry.actor_email,
        _number(entry.actor_id),
        entry.ip_address,
        entry.user_agent,
        json.dumps(entry.data, ensure_ascii=False, sort_keys=True) if entry.data else "",
    )
    return tuple(map(escape_formula, cells))


def escape_formula(cell: str) -> str:
    """Put an apostrophe before a formula: spreadsheets then take the cell as text."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _lines(rows: list[tuple[str, ...]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
