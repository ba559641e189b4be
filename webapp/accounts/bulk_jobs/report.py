"""The report of a bulk job as CSV files, one for each outcome."""

from collections.abc import Iterator

from webapp.accounts.bulk_jobs import service
from webapp.accounts.bulk_jobs.kinds import BulkJobKind
from webapp.accounts.bulk_jobs.models import BulkJob
from webapp.core.csv_files import lines
from webapp.core.database import Database


def export_csv(database: Database, kind: BulkJobKind, job: BulkJob, outcome: str) -> Iterator[str]:
    """Yield the entries with this outcome in pieces."""
    yield lines([(kind.number_name, "email", "name", "problem")])
    for items in service.items(database, job.id, outcome):
        yield lines([(str(item.number), item.email, item.name, describe(kind, item.problem)) for item in items])


def describe(kind: BulkJobKind, problem: dict[str, str]) -> str:
    """Put what is wrong with an entry into words; empty if nothing is."""
    return kind.describe(problem) if problem else ""
