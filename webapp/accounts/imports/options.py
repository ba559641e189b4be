"""How the file of an import is read, and what is done with the people in it; guessed first, then chosen on a page."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

from webapp.accounts.bulk_jobs import service as bulk_jobs
from webapp.accounts.bulk_jobs.models import BulkJob
from webapp.accounts.imports import columns, formats
from webapp.accounts.imports.columns import Columns
from webapp.accounts.imports.records import Record, read_records
from webapp.accounts.models import Role
from webapp.core.database import Database
from webapp.core.errors import NotFound

# How many records are looked at to guess.
SAMPLE = 100


@dataclass(frozen=True)
class Options:
    """The options of an import."""

    file_name: str = ""
    encoding: str = "utf-8"
    separator: str = "comma"
    header: bool = True
    # Fields of `columns.FIELDS`, and the numbers of their columns from 0.
    columns: Columns = field(default_factory=dict)
    # Of people without a role of their own.
    role: Role = Role.MEMBER
    send_activation: bool = False

    @classmethod
    def of(cls, job: BulkJob) -> "Options":
        """Return those of a job. Raises NotFound while its file is not there whole."""
        if not job.options:
            raise NotFound
        return cls(**{**job.options, "role": Role(job.options["role"])})

    def to_data(self) -> dict[str, Any]:
        """Return them as they are stored."""
        return asdict(self)

    def is_read_like(self, other: "Options") -> bool:
        """Return whether the file has the same records with these options."""
        return (self.encoding, self.separator, self.header) == (other.encoding, other.separator, other.header)


def guess(database: Database, job_id: int, options: Options) -> Options:
    """Guess how the file is written, in the encoding of these options."""
    lines = list(islice(formats.read_lines(bulk_jobs.data_of(database, job_id), options.encoding), SAMPLE))
    separator = formats.guess_separator(lines)
    first, *rest = _cells(lines, separator) or [[]]
    return guess_columns(
        database, job_id, replace(options, separator=separator, header=columns.has_header(first, rest))
    )


def guess_columns(database: Database, job_id: int, options: Options) -> Options:
    """Guess what the columns are, in a file that is written like this."""
    lines = list(islice(formats.read_lines(bulk_jobs.data_of(database, job_id), options.encoding), SAMPLE))
    rows = _cells(lines, options.separator)
    names, rest = (rows[0], rows[1:]) if rows and options.header else ([], rows)
    return replace(options, columns=columns.find(names, rest))


def read_file(database: Database, job_id: int, options: Options) -> Iterator[Record]:
    """Yield the records of a file, without its header."""
    lines = formats.read_lines(bulk_jobs.data_of(database, job_id), options.encoding)
    records = read_records(lines, formats.SEPARATORS[options.separator])
    return islice(records, int(options.header), None)


def first_rows(database: Database, job_id: int, options: Options, number: int) -> list[list[str]]:
    """Return the cells of the first records, of which one may be the header."""
    return [record.cells for record in islice(read_file(database, job_id, replace(options, header=False)), number)]


def _cells(lines: list[str], separator: str) -> list[list[str]]:
    return [record.cells for record in read_records(iter(lines), formats.SEPARATORS[separator]) if not record.problem]
