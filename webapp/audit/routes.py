"""The page of the audit trail, and the trail as a file."""

from flask import Blueprint, Response, redirect, render_template, request, stream_with_context, url_for
from werkzeug.wrappers import Response as BaseResponse

from webapp.audit import events, registry, service, trail
from webapp.audit.export import csv_of
from webapp.audit.forms import FilterForm
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.web import client

blueprint = Blueprint("audit", __name__)


@blueprint.get("/audit")
def entries() -> str:
    """What was done, newest first."""
    form = FilterForm(formdata=request.args)
    before = request.args.get("before", type=int)
    if not form.validate():
        return _page(form, [], more=False, before=before)
    with app_state().database.read() as session:
        found, more = trail.list_entries(session, form.wanted(), before)
    return _page(form, found, more, before)


@blueprint.get("/audit.csv")
def download() -> BaseResponse:
    """All that the filter shows, not one page of it."""
    form = FilterForm(formdata=request.args)
    if not form.validate():
        return redirect(url_for("audit.entries", **form.given()))
    wanted, database = form.wanted(), app_state().database
    with database.transaction() as session:
        service.record(session, events.TRAIL_DOWNLOADED, email=wanted.person, filtered=list(form.given()))
    name = f"audit-{clock.now():%Y-%m-%d}.csv"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(
        stream_with_context(csv_of(database, wanted)), content_type="text/csv; charset=utf-8", headers=disposition
    )


def _page(form: FilterForm, entries: list[AuditEntry], more: bool, before: int | None) -> str:
    return render_template(
        "audit/entries.html",
        form=form,
        entries=entries,
        more=more,
        before=before,
        kind=registry.event_label,
        facts=registry.describe,
        device=client.describe,
    )
