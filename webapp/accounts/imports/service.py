"""Imports of users: a file is kept, and its people are created in chunks as a bulk job."""

from collections.abc import Iterable, Iterator
from itertools import chain

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts.bulk_jobs import service as bulk_jobs
from webapp.accounts.bulk_jobs.kinds import BulkJobKind, Chunk, Item
from webapp.accounts.bulk_jobs.models import BulkJob, BulkJobItem
from webapp.accounts.imports import formats, people
from webapp.accounts.imports.options import Options, guess, read_file
from webapp.accounts.imports.people import BadLine, Person
from webapp.accounts.imports.preview import chunks_of
from webapp.accounts.password_links import service as password_links
from webapp.accounts.users import batches
from webapp.core.database import Database
from webapp.core.errors import MailroomError
from webapp.core.i18n import DEFAULT

KIND = "import"
# The file is kept in parts of this size, in bytes.
PART_SIZE = 256 * 1024
# How many people are created in one transaction, which others wait for on SQLite.
CHUNK = 500
MAX_FILE_NAME = 200

# How the files of Excel and LibreOffice begin: a ZIP archive, or before 2007 an OLE one.
SPREADSHEET_BEGINNINGS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")

CREATED, EXISTING, DUPLICATE, BAD = "created", "existing", "duplicate", "bad"


class EmptyFile(MailroomError):
    """There is nothing in the file."""

    def __init__(self) -> None:
        super().__init__(_("The file is empty."))


class SpreadsheetFile(MailroomError):
    """The file is what a spreadsheet program saves for itself."""

    def __init__(self) -> None:
        super().__init__(
            _("This is a spreadsheet, not a CSV file. Open it in the spreadsheet program and save it as CSV.")
        )


class NoEmailColumn(MailroomError):
    """No column has the addresses."""

    def __init__(self) -> None:
        super().__init__(_("Choose the column with the email addresses."))


def keep(
    database: Database, parts: Iterable[bytes], file_name: str, language: str = DEFAULT, encoding: str = ""
) -> int:
    """Keep a file as the draft of an import, with guessed options; return the job's id.

    `language` is that of the reader, for the guess at the encoding if none is given.
    Raises EmptyFile, SpreadsheetFile.
    """
    source = iter(parts)
    if not (first := next(source, b"")):
        raise EmptyFile
    if first.startswith(SPREADSHEET_BEGINNINGS):
        raise SpreadsheetFile
    with database.transaction() as session:
        job_id = bulk_jobs.create(session, KIND, {}).id
    for number, part in enumerate(chain([first], source)):
        # A transaction each: a file may come slowly, out of a pipe.
        with database.transaction() as session:
            bulk_jobs.add_data(session, job_id, number, part)
    encoding = encoding or formats.guess_encoding(bulk_jobs.data_of(database, job_id), language)
    save_options(database, job_id, guess(database, job_id, Options(_shown(file_name), encoding)))
    return job_id


def save_options(database: Database, job_id: int, options: Options) -> None:
    """Keep the options of a draft. Raises NotDraft."""
    with database.transaction() as session:
        bulk_jobs.save_options(session, job_id, options.to_data())


def start(database: Database, job_id: int, options: Options) -> None:
    """Have the people of a draft created. Raises NoEmailColumn, NotFound, NotDraft."""
    require_addresses(options)
    total = sum(1 for _record in read_file(database, job_id, options))
    with database.transaction() as session:
        bulk_jobs.start(session, job_id, total, options.to_data())


def require_addresses(options: Options) -> None:
    """Require that it is known which column has the addresses. Raises NoEmailColumn."""
    if "email" not in options.columns:
        raise NoEmailColumn


def read_chunks(database: Database, job: BulkJob) -> Iterator[Chunk]:
    """Yield the records that are left; the job's position is the line up to which they are done."""
    options = Options.of(job)
    left = (record for record in read_file(database, job.id, options) if record.line > job.position)
    for records in chunks_of(left, CHUNK):
        read = [people.read(record, options.columns, options.role) for record in records]
        yield Chunk(records[-1].line, read)


def process(session: Session, job: BulkJob, chunk: Chunk) -> list[Item]:
    """Create the people of a chunk who have no account, and queue their activation emails if wanted."""
    once: dict[str, Person] = {}
    repeated: list[Person] = []
    for person in chunk.entries:
        if isinstance(person, Person) and once.setdefault(person.email_key, person) is not person:
            repeated.append(person)
    people_to_create = (
        batches.Person(one.email, one.email_key, one.name, one.language, one.role) for one in once.values()
    )
    created = batches.create(session, people_to_create)
    if Options.of(job).send_activation:
        password_links.enqueue_activations(session, list(created.values()))
    known = _keys_before(session, job.id, [key for key in once if key not in created])
    outcomes = {key: CREATED if key in created else DUPLICATE if key in known else EXISTING for key in once}
    return [
        *(_item(person, outcomes[key]) for key, person in once.items()),
        *(_item(person, DUPLICATE) for person in repeated),
        *(Item(bad.line, BAD, problem=bad.to_data()) for bad in chunk.entries if isinstance(bad, BadLine)),
    ]


def _shown(file_name: str) -> str:
    """Return a name that pages can show: on Unix, one may be any bytes, which are no text then."""
    return "".join(one if one.isprintable() else "\ufffd" for one in file_name[:MAX_FILE_NAME])


def _keys_before(session: Session, job_id: int, keys: list[str]) -> set[str]:
    """Return which of these addresses came earlier in the file."""
    if not keys:
        return set()
    earlier = select(BulkJobItem.email_key).where(BulkJobItem.job_id == job_id, BulkJobItem.email_key.in_(keys))
    return set(session.scalars(earlier))


def _item(person: Person, outcome: str) -> Item:
    return Item(person.line, outcome, person.email, person.email_key, person.name)


IMPORT = BulkJobKind(
    KIND,
    _("Import of users"),
    {
        CREATED: _("Created"),
        EXISTING: _("Skipped (already have an account)"),
        DUPLICATE: _("Skipped (address appears earlier in the file)"),
        BAD: _("Not imported (invalid line)"),
    },
    read_chunks,
    process,
    people.describe,
    number_name="line",
    faulty=BAD,
)
