"""CSV files that people download (RFC 4180), and open with a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence

# Cells that start with one of these are formulas to spreadsheets (OWASP, “CSV Injection”).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Return the lines of these rows; no cell of them is a formula."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([[escape_formula(cell) for cell in row] for row in rows])
    return text.getvalue()


def escape_formula(cell: str) -> str:
    """Put an apostrophe before a formula: spreadsheets then take the cell as text."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
