"""The settings file as it is read: its tables, and everything that is wrong with it, each with its line."""

import math
import os
import time
import tomllib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from webapp.core.config import ConfigError
from webapp.settings_file.files import MAX_FILE_SIZE, CannotRead, read_text, secret_file

# How many problems are reported, how many of them with their line, and the characters of each. It may be another file.
MAX_PROBLEMS, MAX_LINES, MAX_PROBLEM_LENGTH = 100, 20, 500
# How long lines are looked for: in a list of thousands of lines, one may take minutes.
MAX_SECONDS = 3.0
# A key in the file: names of keys, and numbers of tables in an array.
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the file, in English: where it is, what it is, and what is allowed."""

    text: str
    key: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = ", ".join(filter(None, [f"line {self.line}" if self.line else "", self.key]))
        return f"{place}: {self.text}" if place else self.text


class InvalidSettingsFile(ConfigError):
    """The file can't be applied; nothing of it was. `problems` has everything that is wrong with it."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        more = f" ({len(problems) - 1} more: run `mailroom check-settings`)" if len(problems) > 1 else ""
        super().__init__(f"The settings file {path} is wrong: {problems[0]}{more}")


@dataclass
class Document:
    """The parsed file. Sections add what is wrong with it to `wrong`: the first text for each key."""

    path: Path
    # Somebody may have written a secret into it.
    text: str = field(repr=False)
    values: Mapping[str, Any] = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    wrong: dict[KeyPath, str] = field(default_factory=dict)

    def table(self, key: str) -> "Table | None":
        """Return the table with this key, such as `[general]`, if the file has it."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, dict):
            self.report((key,), f"Write it as a table: [{key}].")
        return Table(self, (key,), value) if isinstance(value, dict) else None

    def tables(self, key: str) -> list["Table"]:
        """Return the tables with this key, such as `[[applications]]`."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self.report((key,), f"Write each as a table: [[{key}]].")
            return []
        return [Table(self, (key, number), one) for number, one in enumerate(value)]

    def report(self, path: KeyPath, text: str) -> None:
        """Add a problem with the key at this path, which may be missing."""
        if len(self.wrong) < MAX_PROBLEMS:
            self.wrong.setdefault(path, text[:MAX_PROBLEM_LENGTH])

    def report_unknown(self, path: KeyPath, known: Sequence[str]) -> None:
        """Add that there is no such key, and which one may be meant."""
        meant = get_close_matches(str(path[-1]), known, 1)
        hint = f"Did you mean {meant[0]}?" if meant else f"Known are: {', '.join(known)}."
        self.report(path, f"There is no such setting. {hint}")

    def error(self) -> InvalidSettingsFile:
        """Return all problems, in the order of their lines. A missing key counts as in the line of its table.

        Lines take a while to find, so don't call it within a transaction.
        """
        found, until = [], time.monotonic() + MAX_SECONDS
        for number, (path, text) in enumerate(self.wrong.items()):
            known = number < MAX_LINES
            line = (line_of(self.text, path, until) or line_of(self.text, path[:-1], until)) if known else None
            found.append(Problem(text, _written(path), line))
        return InvalidSettingsFile(self.path, sorted(found, key=lambda one: one.line or len(self.text)))

    def files(self) -> list[Path]:
        """Return this file and all that it names for secrets."""
        found = (secret_file(value, self.path.parent) for value in _all_values(self.values))
        return [self.path, *(path for path in found if path)]


@dataclass(frozen=True)
class Table:
    """One table of the file."""

    document: Document
    path: KeyPath
    values: Mapping[str, Any]

    def report(self, key: str, text: str) -> None:
        """Add a problem with this key, or with the whole table if the key is empty."""
        self.document.report((*self.path, key) if key else self.path, text)

    def report_unknown(self, known: Sequence[str]) -> None:
        """Add a problem for each key that is not known."""
        for key in sorted(self.values.keys() - set(known)):
            self.document.report_unknown((*self.path, key), known)


def read(path: Path, environ: Mapping[str, str] = os.environ) -> Document:
    """Read and parse a settings file. Raises InvalidSettingsFile."""
    try:
        text = read_text(path, MAX_FILE_SIZE)
        return Document(path, text, tomllib.loads(text), environ)
    except CannotRead as error:
        raise InvalidSettingsFile(path, [Problem(str(error))]) from None
    except (ValueError, RecursionError) as error:
        # Python's own limits on numbers and depth raise others than TOMLDecodeError. Its text names keys, not values.
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else type(error).__name__
        raise InvalidSettingsFile(path, [Problem(f"It is not valid TOML: {reason}.")]) from None


def line_of(text: str, path: KeyPath, until: float = math.inf) -> int | None:
    """Return the number of the first line of what sets this key; None if nothing does, or not found `until` then.

    The parser doesn't tell, so ever more of the file is parsed until the key is there.
    """
    lines = text.split("\n")
    with suppress(TimeoutError):
        if path and _has(lines, len(lines), path, until):
            return bisect_left(range(len(lines) + 1), True, key=lambda count: _has(lines, count, path, until))
    return None


def _has(lines: Sequence[str], count: int, path: KeyPath, until: float) -> bool:
    """Return whether the first `count` lines set the key, with the rest of a statement that is cut off.

    Raises TimeoutError.
    """
    for end in range(count, len(lines) + 1):
        if time.monotonic() > until:
            raise TimeoutError
        with suppress(ValueError, RecursionError):
            found: Any = tomllib.loads("\n".join(lines[:end]))
            break
    else:
        return False
    try:
        for key in path:
            found = found[key]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _written(path: KeyPath) -> str:
    """Return a path as people write it, with tables counted from 1: `mail_servers[1].port`."""
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).removeprefix(".")


def _all_values(value: Any) -> Iterator[Any]:
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _all_values(one)
