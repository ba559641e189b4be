"""The Outbox pages."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.outbox import labels, listing, service
from webapp.outbox.forms import FilterForm
from webapp.outbox.kinds import Unwanted, kind_label
from webapp.outbox.listing import Page
from webapp.outbox.service import NotRetryable, NotWaiting
from webapp.outbox.status import delivery_status
from webapp.settings.context import general_settings

blueprint = Blueprint("outbox", __name__, url_prefix="/outbox")


@blueprint.app_context_processor
def _labels() -> dict[str, Any]:
    return {"outbox_labels": labels, "kind_label": kind_label, "mail_waits": mail_waits}


@blueprint.get("")
def messages() -> str:
    """List the messages, newest first."""
    form = FilterForm(formdata=request.args)
    before = request.args.get("before", type=int)
    page, counts = Page([], None), None
    if form.validate():
        with app_state().database.read() as session:
            page = listing.find(session, form.to_filter(), before)
            counts = listing.count_states(session, form.to_filter())
    return render_template("outbox/messages.html", form=form, page=page, counts=counts, before=before)


@blueprint.get("/<int:message_id>")
def message(message_id: int) -> str:
    """Show one message: its state and, after a failure, why it wasn't sent."""
    with app_state().database.read() as session:
        found = service.get_message(session, message_id)
        diagnosis = service.diagnosis(session, found)
    return render_template(
        "outbox/message.html",
        message=found,
        diagnosis=diagnosis,
        can_retry=service.can_retry(found, clock.now()),
        can_cancel=service.can_cancel(found),
    )


@blueprint.post("/<int:message_id>/retry")
def retry(message_id: int) -> Response:
    """Try one message again now."""
    try:
        with app_state().database.transaction() as session:
            service.retry(session, message_id)
        flash(_("Trying again now."), "success")
    except Unwanted as error:
        flash(labels.describe_unwanted(error), "warning")
    except NotRetryable:
        flash(_("Nothing to retry: the message is already being sent or is finished."), "warning")
    return redirect(url_for("outbox.message", message_id=message_id))


@blueprint.post("/<int:message_id>/cancel")
def cancel(message_id: int) -> Response:
    """Don't send one message that waits."""
    try:
        with app_state().database.transaction() as session:
            service.cancel(session, message_id)
        flash(_("Canceled."), "success")
    except NotWaiting:
        flash(_("Nothing to cancel: the message is already being sent or is finished."), "warning")
    return redirect(url_for("outbox.message", message_id=message_id))


def mail_waits() -> bool:
    """Return whether emails with links wait at the moment, whoever they are for."""
    with app_state().database.read_columns() as connection:
        return not general_settings().public_url or delivery_status(connection, clock.now()).is_stopped
