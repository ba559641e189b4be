"""The pages on which administrators import users: the file, then a preview of what would happen."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from webapp.accounts.bulk_jobs import labels
from webapp.accounts.bulk_jobs import service as bulk_jobs
from webapp.accounts.bulk_jobs.models import BulkJob, JobState
from webapp.accounts.imports import options as file_options
from webapp.accounts.imports import people, service
from webapp.accounts.imports.forms import OptionsForm, UploadForm
from webapp.accounts.imports.options import Options
from webapp.accounts.imports.preview import preview
from webapp.core import i18n
from webapp.core.app_state import app_state
from webapp.core.config import MAX_UPLOAD_SIZE
from webapp.core.errors import NotFound
from webapp.settings.service import general
from webapp.web import csrf, security

MEGABYTES = MAX_UPLOAD_SIZE // 1024**2

blueprint = Blueprint("imports", __name__)


@blueprint.route("/users/import", methods=["GET", "POST"])
@csrf.exempt
@security.accepts_uploads
def upload() -> ResponseReturnValue:
    """Take a file, and go on to the preview."""
    try:
        form = UploadForm()
    except RequestEntityTooLarge:
        form = UploadForm(formdata=None)
        form.add_error("file", _("This is larger than %(size)s MB. Split it, or see below.", size=MEGABYTES))
        return _upload_page(form), 413
    if form.validate_on_submit():
        database = app_state().database
        try:
            job_id = service.keep(database, form.parts(), form.file_name, i18n.current().code)
        except (service.EmptyFile, service.SpreadsheetFile) as error:
            form.add_error("file", str(error))
        else:
            return redirect(url_for("imports.show_preview", job_id=job_id))
    return _upload_page(form)


@blueprint.get("/users/import/<int:job_id>")
def show_preview(job_id: int) -> ResponseReturnValue:
    """Show what an import would do; once it was started, what it does."""
    job = _job(job_id)
    if job.state != JobState.DRAFT:
        return redirect(url_for("bulk_jobs.show", job_id=job_id))
    return _preview_page(job, Options.of(job))


@blueprint.post("/users/import/<int:job_id>")
def change(job_id: int) -> ResponseReturnValue:
    """Show the preview with other options, have the users created, or delete the file, as its buttons say."""
    job = _job(job_id)
    options = Options.of(job)
    form = OptionsForm.showing(options, _first_row(job, options), posted=True)
    if not form.validate():
        return _preview_page(job, options, form)
    try:
        if "discard" in request.form:
            return _discard(job_id)
        return _save_or_start(job_id, options, form.to_options(options))
    except service.NoEmailColumn as error:
        form.add_error("column_email", str(error))
        return _preview_page(job, options, form)
    except bulk_jobs.NotDraft as error:
        flash(str(error), "info")
        return redirect(url_for("bulk_jobs.show", job_id=job_id))


def _save_or_start(job_id: int, shown: Options, chosen: Options) -> Response:
    """Have the users created, unless the file is to be read in another way than the preview showed.

    Raises NoEmailColumn, NotDraft.
    """
    database, start = app_state().database, "start" in request.form
    if start and chosen.is_read_like(shown) and chosen.columns == shown.columns:
        service.start(database, job_id, chosen)
        return redirect(url_for("bulk_jobs.show", job_id=job_id))
    if not chosen.is_read_like(shown):
        chosen = file_options.guess_columns(database, job_id, chosen)
    service.save_options(database, job_id, chosen)
    if start:
        flash(_("Nothing has been imported yet. Check the preview: the file is now read differently."), "warning")
    return redirect(url_for("imports.show_preview", job_id=job_id))


def _discard(job_id: int) -> Response:
    with app_state().database.transaction() as session:
        bulk_jobs.discard(session, job_id)
    flash(_("The file was deleted. No users were created."), "info")
    return redirect(url_for("imports.upload"))


def _upload_page(form: UploadForm) -> str:
    with app_state().database.read() as session:
        recent = bulk_jobs.list_recent(session, service.KIND)
    return render_template("accounts/import.html", form=form, recent=recent, badge=labels.badge, megabytes=MEGABYTES)


def _preview_page(job: BulkJob, options: Options, form: OptionsForm | None = None) -> str:
    database = app_state().database
    with database.read() as session:
        public_url = general(session, app_state().config).public_url
    result = preview(database, job.id, options)
    return render_template(
        "accounts/import_preview.html",
        job=job,
        options=options,
        form=form or OptionsForm.showing(options, _first_row(job, options), posted=False),
        preview=result,
        describe=lambda bad: people.describe(bad.to_data()),
        public_url=public_url,
        languages=i18n.LANGUAGES,
    )


def _first_row(job: BulkJob, options: Options) -> list[str]:
    rows = file_options.first_rows(app_state().database, job.id, options, 1)
    return rows[0] if rows else []


def _job(job_id: int) -> BulkJob:
    """Return an import. Raises NotFound."""
    with app_state().database.read() as session:
        job = bulk_jobs.get(session, job_id)
    if job.kind != service.KIND:
        raise NotFound
    return job
