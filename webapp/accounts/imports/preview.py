"""What an import would do, found out before anything is created."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from sqlalchemy import select

from webapp.accounts.imports import people
from webapp.accounts.imports.options import Options, read_file
from webapp.accounts.imports.people import BadLine, Person
from webapp.accounts.models import User
from webapp.core.database import Database

# How many addresses are looked up in one query.
CHUNK = 1000
PEOPLE_SHOWN, BAD_LINES_SHOWN = 10, 100

Entry = TypeVar("Entry")


@dataclass
class Preview:
    """How many people would be created and how many are left out for each reason, with the first of them."""

    new: int = 0
    administrators: int = 0
    existing: int = 0
    duplicate: int = 0
    bad: int = 0
    first: list[Person] = field(default_factory=list)
    bad_lines: list[BadLine] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many records there are."""
        return self.new + self.existing + self.duplicate + self.bad


def preview(database: Database, job_id: int, options: Options) -> Preview:
    """Read the whole file. Only the hashes of its addresses are kept in memory, to find those that come twice."""
    result, seen = Preview(), set[int]()
    for chunk in chunks_of(_read(database, job_id, options), CHUNK):
        found: list[Person] = []
        for one in chunk:
            if isinstance(one, BadLine):
                result.bad += 1
                if len(result.bad_lines) < BAD_LINES_SHOWN:
                    result.bad_lines.append(one)
            elif (key := hash(one.email_key)) in seen:
                result.duplicate += 1
            else:
                seen.add(key)
                found.append(one)
        _add(result, found, existing_keys(database, found))
    return result


def existing_keys(database: Database, found: Iterable[Person]) -> set[str]:
    """Return which of these addresses have an account."""
    keys = [person.email_key for person in found]
    with database.read_columns() as connection:
        return set(connection.scalars(select(User.email_key).where(User.email_key.in_(keys)))) if keys else set()


def chunks_of(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """Yield the entries in lists of this size."""
    source = iter(entries)
    while chunk := list(islice(source, size)):
        yield chunk


def _read(database: Database, job_id: int, options: Options) -> Iterator[Person | BadLine]:
    for record in read_file(database, job_id, options):
        yield people.read(record, options.columns, options.role)


def _add(result: Preview, found: list[Person], existing: set[str]) -> None:
    new = [person for person in found if person.email_key not in existing]
    result.existing += len(found) - len(new)
    result.new += len(new)
    result.administrators += sum(person.role == "administrator" for person in new)
    result.first += new[: PEOPLE_SHOWN - len(result.first)]
