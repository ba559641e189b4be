"""Read the records of a CSV file (RFC 4180), whatever is wrong with it, without keeping more than one in memory."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from webapp.accounts.imports.formats import MAX_LINE_LENGTH, SEPARATOR_LINE

# A cell may contain line breaks; a record of more lines has a quotation mark that is never closed.
MAX_LINES = 10
# Columns after these are left out.
MAX_CELLS = 100


class Record(NamedTuple):
    """One record: the number of its first line, its cells, and what keeps it from being read, if anything does."""

    line: int
    cells: list[str]
    problem: str = ""


def read_records(lines: Iterator[str], separator: str) -> Iterator[Record]:
    """Yield the records. Lines without any text are left out, and so is one that names the separator.

    A record that can't be read is one line, so that what follows it can be.
    """
    source = _Lines(lines)
    while (line := source.next()) is not None:
        number = source.number
        if number == 1 and SEPARATOR_LINE.fullmatch(line):
            continue
        if len(line) > MAX_LINE_LENGTH:
            yield Record(number, [line], "too_long")
        elif '"' in line:
            yield _quoted(source, line, separator)
        elif any(cells := line.split(separator, MAX_CELLS)):
            yield Record(number, cells[:MAX_CELLS])


class _Lines:
    """Lines that can be given back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._returned: deque[str] = deque()
        self.number = 0

    def next(self) -> str | None:
        line = self._returned.popleft() if self._returned else next(self._lines, None)
        self.number += line is not None
        return line

    def give_back(self, lines: list[str]) -> None:
        self._returned.extendleft(reversed(lines))
        self.number -= len(lines)


def _quoted(source: _Lines, first: str, separator: str) -> Record:
    """Read a record with quotation marks, which may continue on the next lines."""
    number, taken = source.number, [first]

    def following() -> Iterator[str]:
        yield f"{first}\n"
        while len(taken) < MAX_LINES and (line := source.next()) is not None:
            taken.append(line)
            yield f"{line}\n"

    try:
        cells = next(csv.reader(following(), delimiter=separator, strict=True))
    except csv.Error:
        source.give_back(taken[1:])
        return Record(number, [first], "quotes")
    return Record(number, cells[:MAX_CELLS])
