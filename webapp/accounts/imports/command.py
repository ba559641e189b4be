"""`mailroom users import`: the same import as on the page, in the foreground."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import click

from webapp.accounts.bulk_jobs import report, runner
from webapp.accounts.bulk_jobs import service as bulk_jobs
from webapp.accounts.bulk_jobs.labels import REASONS
from webapp.accounts.bulk_jobs.models import BulkJob, JobState
from webapp.accounts.imports import people, service
from webapp.accounts.imports.options import Options
from webapp.accounts.imports.preview import Preview, preview
from webapp.accounts.models import Role
from webapp.core.database import Database
from webapp.core.errors import MailroomError

# Exit codes.
OK, SOME_BAD, NOT_DONE = 0, 1, 2
# Seconds between two looks at an import that a worker has taken over, and between two lines where there is no terminal.
POLL, LINE_EVERY = 0.5, 10.0

Show = Callable[[BulkJob], None]


class CannotImport(click.ClickException):
    """Why nothing was imported, in one line."""

    exit_code = NOT_DONE


def run(database: Database, path: Path, encoding: str, role: Role, send_activation: bool, dry_run: bool) -> int:
    """Import a file, or only say what would happen, and return the exit code. Raises CannotImport.

    It is 0 if everybody was created or skipped, 1 if some lines are bad, and 2 if the import was stopped.
    """
    try:
        with path.open("rb") as file:
            job_id = service.keep(database, _parts(file), path.name, encoding=encoding)
        with database.read() as session:
            options = Options.of(bulk_jobs.get(session, job_id))
        options = replace(options, role=role, send_activation=send_activation)
        if dry_run:
            return _show_preview(_dry_run(database, job_id, options))
        service.start(database, job_id, options)
    except service.NoEmailColumn as error:
        raise CannotImport(f"{path}: No column with email addresses was found. Name one “email”.") from error
    except MailroomError as error:
        raise CannotImport(f"{path}: {error}") from error
    return _show_report(database, _carry_out(database, job_id))


def _parts(file: BinaryIO) -> Iterator[bytes]:
    while part := file.read(service.PART_SIZE):
        yield part


def _dry_run(database: Database, job_id: int, options: Options) -> Preview:
    try:
        service.require_addresses(options)
        return preview(database, job_id, options)
    finally:
        with database.transaction() as session:
            bulk_jobs.discard(session, job_id)


def _carry_out(database: Database, job_id: int) -> BulkJob:
    """Create the users here; if a worker has taken the import over, show how far it is."""
    job = _read(database, job_id)
    with _progress(job.total) as show:
        try:
            while job.is_running:
                if claimed := runner.claim(database, job_id):
                    runner.run(database, claimed, lambda: False, show)
                else:
                    time.sleep(POLL)
                job = _read(database, job_id)
                show(job)
        except KeyboardInterrupt:
            with database.transaction() as session:
                job = bulk_jobs.get(session, job_id, lock=True)
                if job.is_running:
                    bulk_jobs.end(session, job, JobState.STOPPED, "cancelled")
    return job


def _read(database: Database, job_id: int) -> BulkJob:
    with database.read() as session:
        return bulk_jobs.get(session, job_id)


@contextmanager
def _progress(total: int) -> Iterator[Show]:
    """Show progress on standard error: a bar on a terminal, else a line from time to time."""
    if sys.stderr.isatty():
        # Lines of the log would be written over the bar.
        logging.getLogger("mailroom").setLevel(logging.WARNING)
        with click.progressbar(length=total, label="Importing", file=sys.stderr) as bar:
            yield lambda job: bar.update(job.done - bar.pos)
        return
    last = time.monotonic()

    def show(job: BulkJob) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY:
            last = time.monotonic()
            click.echo(f"{job.done} of {job.total}", err=True)

    yield show


def _show_preview(result: Preview) -> int:
    """Print what an import would do, and return the exit code."""
    click.echo(f"Would be created: {result.new} ({result.administrators} as administrators)")
    click.echo(f"{service.IMPORT.outcomes[service.EXISTING]}: {result.existing}")
    click.echo(f"{service.IMPORT.outcomes[service.DUPLICATE]}: {result.duplicate}")
    click.echo(f"{service.IMPORT.outcomes[service.BAD]}: {result.bad}")
    for bad in result.bad_lines:
        click.echo(f"Line {bad.line}: {people.describe(bad.to_data())}")
    if result.bad > len(result.bad_lines):
        click.echo(f"… and {result.bad - len(result.bad_lines)} more")
    return SOME_BAD if result.bad else OK


def _show_report(database: Database, job: BulkJob) -> int:
    """Print what an import did, and return the exit code."""
    for outcome, label in service.IMPORT.outcomes.items():
        click.echo(f"{label}: {job.outcomes.get(outcome, 0)}")
    for items in bulk_jobs.items(database, job.id, service.BAD):
        for item in items:
            click.echo(f"Line {item.number}: {report.describe(service.IMPORT, item.problem)}")
    if job.state != JobState.FINISHED:
        click.echo(REASONS[job.reason], err=True)
        return NOT_DONE
    return SOME_BAD if job.outcomes.get(service.BAD) else OK
