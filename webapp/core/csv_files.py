"""CSV files that people download (RFC 4180), and open with a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

# Cells that start with one of these are formulas to spreadsheets (OWASP, “CSV Injection”). In many languages,
# spreadsheets also begin a cell after a semicolon.
_FORMULA = re.compile(r"(?:^|(?<=;))(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])")


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Return the lines of these rows; no cell of them is a formula."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([[escape_formula(cell) for cell in row] for row in rows])
    return text.getvalue()


def escape_formula(cell: str) -> str:
    """Put an apostrophe before a formula: spreadsheets then take the cell as text."""
    return _FORMULA.sub("'", cell)


def iso(moment: datetime | None) -> str:
    """Return a time in UTC as in ISO 8601; empty for none."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else ""
