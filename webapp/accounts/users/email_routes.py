"""The page of all emails to one user."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from webapp.accounts import service
from webapp.core.app_state import app_state
from webapp.outbox import listing
from webapp.outbox.filters import Filter

blueprint = Blueprint("user_emails", __name__)


@blueprint.get("/users/<int:user_id>/emails")
def list_emails(user_id: int) -> ResponseReturnValue:
    """List all messages to one user, newest first, also those to earlier addresses."""
    before = request.args.get("before", type=int)
    with app_state().database.read() as session:
        user = service.get_user(session, user_id)
        page = listing.find(session, Filter(user_id=user_id), before)
    return render_template("accounts/emails.html", user=user, page=page, before=before)
