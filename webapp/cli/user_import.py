"""What `mailroom users import` does: the same import as on the page, in the foreground."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

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


@dataclass(frozen=True)
class Report:
    """What an import did or, as a dry run, would do.

    `outcomes` are numbers of lines by outcome, `problems` what is wrong with bad ones, by their line. There may be more
    bad ones, if it is a dry run. `reason` says why it wasn't completed. `administrators` are those among the ones that
    a dry run would create.
    """

    outcomes: Mapping[str, int]
    problems: Iterable[tuple[int, str]]
    dry_run: bool = False
    reason: str = ""
    administrators: int | None = None

    @property
    def exit_code(self) -> int:
        """0 if everybody was created or skipped, 1 if some lines are bad, and 2 if the import wasn't completed."""
        if self.reason:
            return NOT_DONE
        return SOME_BAD if self.outcomes[service.BAD] else OK

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        problems = [{"line": line, "error": text} for line, text in self.problems]
        reason = self.reason or None
        numbers = {**self.outcomes, "administrators": self.administrators} if self.dry_run else self.outcomes
        return {"dry_run": self.dry_run, **numbers, "problems": problems, "not_completed_because": reason}

    def show(self) -> None:
        """Print it for people."""
        for outcome, label in service.IMPORT.outcomes.items():
            if self.dry_run and outcome == service.CREATED:
                click.echo(f"Would be created: {self.outcomes[outcome]} ({self.administrators} as administrators)")
            else:
                click.echo(f"{label}: {self.outcomes[outcome]}")
        shown = 0
        for line, text in self.problems:
            click.echo(f"Line {line}: {text}")
            shown += 1
        if (more := self.outcomes[service.BAD] - shown) > 0:
            click.echo(f"… and {more} more")
        if self.reason:
            click.echo(self.reason, err=True)


def run(database: Database, path: Path, encoding: str, role: Role, send_activation: bool, dry_run: bool) -> Report:
    """Import a file, or only find out what would happen. Raises CannotImport."""
    try:
        with path.open("rb") as file:
            job_id = service.keep(database, _parts(file), path.name, encoding=encoding)
        with database.read() as session:
            options = Options.of(bulk_jobs.get(session, job_id))
        options = replace(options, role=role, send_activation=send_activation)
        if dry_run:
            return _report_of_preview(_dry_run(database, job_id, options))
        service.start(database, job_id, options)
    except service.NoEmailColumn as error:
        raise CannotImport(f"{path}: No column with email addresses was found. Name one “email”.") from error
    except MailroomError as error:
        raise CannotImport(f"{path}: {error}") from error
    return _report_of_job(database, _carry_out(database, job_id))


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


def _report_of_preview(result: Preview) -> Report:
    numbers = (result.new, result.existing, result.duplicate, result.bad)
    outcomes = dict(zip((service.CREATED, service.EXISTING, service.DUPLICATE, service.BAD), numbers, strict=True))
    problems = [(bad.line, people.describe(bad.to_data())) for bad in result.bad_lines]
    return Report(outcomes, problems, dry_run=True, administrators=result.administrators)


def _report_of_job(database: Database, job: BulkJob) -> Report:
    outcomes = {outcome: job.outcomes.get(outcome, 0) for outcome in service.IMPORT.outcomes}
    reason = str(REASONS[job.reason]) if job.state != JobState.FINISHED else ""
    return Report(outcomes, _problems(database, job), reason=reason)


def _problems(database: Database, job: BulkJob) -> Iterator[tuple[int, str]]:
    for items in bulk_jobs.items(database, job.id, service.BAD):
        for item in items:
            yield item.number, report.describe(service.IMPORT, item.problem)
