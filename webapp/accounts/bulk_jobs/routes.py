"""The page of a bulk job: its progress, and then its report."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts import audit_events
from webapp.accounts.bulk_jobs import labels, report, service
from webapp.accounts.bulk_jobs.kinds import get_kind
from webapp.accounts.bulk_jobs.models import BulkJob, JobState
from webapp.audit import service as audit
from webapp.core.app_state import app_state
from webapp.core.errors import NotFound
from webapp.web.downloads import csv_download

MAX_LISTED_PROBLEMS = 50

blueprint = Blueprint("bulk_jobs", __name__)


@blueprint.get("/users/jobs/<int:job_id>")
def show(job_id: int) -> str:
    """Show how far the job is or, once it has ended, what it did. The page loads itself anew until then."""
    job = _started(job_id)
    kind = get_kind(job.kind)
    with app_state().database.read() as session:
        faulty = service.with_outcome(session, job_id, kind.faulty, MAX_LISTED_PROBLEMS) if kind.faulty else []
    problems = [(item, report.describe(kind, item.problem)) for item in faulty]
    return render_template(
        "accounts/bulk_job.html",
        job=job,
        kind=kind,
        outcomes=[(key, label, job.outcomes.get(key, 0)) for key, label in kind.outcomes.items()],
        reason=labels.REASONS.get(job.reason, ""),
        problems=problems,
    )


@blueprint.post("/users/jobs/<int:job_id>/cancel")
def cancel(job_id: int) -> Response:
    """Stop the job before its next chunk."""
    with app_state().database.transaction() as session:
        service.request_cancel(session, job_id)
    flash(_("It stops in a moment. What has been done so far is kept."), "info")
    return redirect(url_for("bulk_jobs.show", job_id=job_id))


@blueprint.get("/users/jobs/<int:job_id>/<outcome>.csv")
def download(job_id: int, outcome: str) -> Response:
    """Send the entries with this outcome."""
    job = _started(job_id)
    kind = get_kind(job.kind)
    if outcome not in kind.outcomes:
        raise NotFound
    database = app_state().database
    with database.transaction() as session:
        audit.record(session, audit_events.USERS_DOWNLOADED, job=job.kind)
    return csv_download(f"{job.kind}-{job_id}-{outcome}", report.export_csv(database, kind, job, outcome))


def _started(job_id: int) -> BulkJob:
    """Return a job that was started. Raises NotFound."""
    with app_state().database.read() as session:
        job = service.get(session, job_id)
    if job.state == JobState.DRAFT:
        raise NotFound
    return job
