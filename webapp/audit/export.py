"""The trail as a file for spreadsheets and scripts (RFC 4180)."""

import csv
import io
import json
import re
from collections.abc import Iterator

from webapp.audit.models import AuditEntry
from webapp.audit.trail import Filter, chunks
from webapp.core.database import Database

HEADER = ("time", "event", "person", "person_id", "by", "by_id", "client", "device", "facts")
# What makes spreadsheets take a text for a formula (OWASP, “CSV Injection”).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Where one set to another separator begins a cell, so that quotation marks of ours are none to it.
AFTER_SEPARATOR = re.compile(r"([;|\t\r\n][ \"]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


def csv_of(database: Database, wanted: Filter) -> Iterator[str]:
    """The file, piece by piece, so that its size does not matter."""
    yield _lines([HEADER])
    for entries in chunks(database, wanted):
        yield _lines([_row(entry) for entry in entries])


def _row(entry: AuditEntry) -> tuple[str, ...]:
    cells = (
        entry.happened_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        entry.event,
        entry.person_email,
        _number(entry.person_id),
        entry.by_email,
        _number(entry.by_id),
        entry.client,
        entry.device,
        json.dumps(entry.facts, ensure_ascii=False, sort_keys=True) if entry.facts else "",
    )
    return tuple(map(escape_formula, cells))


def escape_formula(cell: str) -> str:
    """The text, and nothing that a spreadsheet would reckon with: an apostrophe says that it is text."""
    inside = AFTER_SEPARATOR.sub(r"\1'", cell)
    return f"'{inside}" if cell.startswith(FORMULA) else inside


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _lines(rows: list[tuple[str, ...]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
