"""The page of the audit trail, and the download of it."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from webapp.audit import audit_events, registry, service
from webapp.audit.export import export_csv
from webapp.audit.forms import FilterForm
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.actor import SETTINGS_FILE
from webapp.core.app_state import app_state
from webapp.web import client
from webapp.web.downloads import csv_download

blueprint = Blueprint("audit", __name__)


@blueprint.get("/audit")
def entries() -> str:
    """Show a page of entries, newest first."""
    form = FilterForm(formdata=request.args)
    before = request.args.get("before", type=int)
    if not form.validate():
        return _page(form, [], has_more=False, before=before)
    with app_state().database.read() as session:
        found, has_more = service.list_entries(session, form.to_filter(), before)
    return _page(form, found, has_more, before)


@blueprint.get("/audit.csv")
def download() -> BaseResponse:
    """Send all entries that the filter shows, not only one page."""
    form = FilterForm(formdata=request.args)
    if not form.validate():
        return redirect(url_for("audit.entries", **form.query_args()))
    entry_filter, database = form.to_filter(), app_state().database
    with database.transaction() as session:
        filtered = list(form.query_args())
        service.record(session, audit_events.TRAIL_DOWNLOADED, email=entry_filter.person, filtered=filtered)
    return csv_download(f"audit-{clock.now():%Y-%m-%d}", export_csv(database, entry_filter))


def _page(form: FilterForm, entries: list[AuditEntry], has_more: bool, before: int | None) -> str:
    return render_template(
        "audit/entries.html",
        form=form,
        entries=entries,
        has_more=has_more,
        before=before,
        event_label=registry.event_label,
        describe=registry.describe,
        device=client.describe,
        settings_file=SETTINGS_FILE.email,
    )
