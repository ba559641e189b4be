"""What administrators do with all users that a filter shows, or with those that are ticked."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from webapp.accounts import audit_events
from webapp.accounts.users.export import export_csv
from webapp.accounts.users.forms import UserFilterForm
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.web.downloads import csv_download

blueprint = Blueprint("user_selection", __name__)


@blueprint.get("/users.csv")
def download() -> ResponseReturnValue:
    """Send all users that the filter shows, not only one page."""
    user_filter, database = UserFilterForm(formdata=request.args).to_filter(), app_state().database
    with database.transaction() as session:
        # The search may be an address, which the trail keeps out of its data.
        audit.record(session, audit_events.USERS_DOWNLOADED, filtered=list(user_filter.query_args()))
    return csv_download(f"users-{clock.now():%Y-%m-%d}", export_csv(database, user_filter))
