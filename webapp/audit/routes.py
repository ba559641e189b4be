"""The page of the audit trail, and the trail as a file."""

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from webapp import clock
from webapp.accounts.sign_ins import devices
from webapp.audit import service, trail, words
from webapp.audit.events import Event
from webapp.audit.export import csv_of
from webapp.audit.forms import FilterForm
from webapp.audit.models import Entry
from webapp.context import parts

blueprint = Blueprint("audit", __name__)


@blueprint.get("/audit")
def entries() -> str:
    """What was done, newest first."""
    form = FilterForm(formdata=request.args)
    before = request.args.get("before", type=int)
    if not form.validate():
        return _page(form, [], more=False, before=before)
    with parts().database.reading() as session:
        found, more = trail.page(session, form.wanted(), before)
    return _page(form, found, more, before)


@blueprint.get("/audit.csv")
def download() -> BaseResponse:
    """All that the filter shows, not one page of it."""
    form = FilterForm(formdata=request.args)
    if not form.validate():
        return redirect(url_for("audit.entries", **form.given()))
    wanted, database = form.wanted(), parts().database
    with database.writing() as session:
        service.record(session, Event.TRAIL_DOWNLOADED, address=wanted.person, filtered=list(form.given()))
    name = f"audit-{clock.now():%Y-%m-%d}.csv"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(csv_of(database, wanted), content_type="text/csv; charset=utf-8", headers=disposition)


def _page(form: FilterForm, entries: list[Entry], more: bool, before: int | None) -> str:
    return render_template(
        "audit/entries.html",
        form=form,
        entries=entries,
        more=more,
        before=before,
        kind=words.kind,
        facts=words.facts,
        device=devices.in_words,
    )
