"""What administrators do with all users that a filter shows, or with those that are ticked."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from webapp.accounts import audit_events
from webapp.accounts.bulk_jobs import labels
from webapp.accounts.bulk_jobs import service as bulk_jobs
from webapp.accounts.users import resending
from webapp.accounts.users.export import export_csv
from webapp.accounts.users.forms import ResendForm, UserFilterForm
from webapp.accounts.users.resending import Selection
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.web import csrf
from webapp.web.downloads import csv_download
from webapp.web.forms import text

blueprint = Blueprint("user_selection", __name__)


@blueprint.get("/users.csv")
def download() -> ResponseReturnValue:
    """Send all users that the filter shows, not only one page."""
    user_filter, database = UserFilterForm(formdata=request.args).to_filter(), app_state().database
    with database.transaction() as session:
        # The search may be an address, which the trail keeps out of its data.
        audit.record(session, audit_events.USERS_DOWNLOADED, filtered=list(user_filter.query_args()))
    return csv_download(f"users-{clock.now():%Y-%m-%d}", export_csv(database, user_filter))


@blueprint.route("/users/resend", methods=["GET", "POST"])
@csrf.exempt
def resend() -> ResponseReturnValue:
    """Resend the activation email to all who haven't activated their account, after saying how many they are."""
    form = ResendForm(formdata=request.form if request.method == "POST" else request.args)
    selection = Selection(form.to_filter(), form.ids())
    database = app_state().database
    if text(form.ticked) and not selection.ids:
        flash(_("Select the users first."), "info")
        return redirect(url_for("users.list_users", **selection.user_filter.query_args()))
    if form.validate_on_submit():
        return redirect(url_for("bulk_jobs.show", job_id=resending.start(database, selection)))
    with database.read() as session:
        number, recent = resending.count(session, selection), bulk_jobs.list_recent(session, resending.KIND)
    return render_template(
        "accounts/resend.html", form=form, selection=selection, number=number, recent=recent, badge=labels.badge
    )
