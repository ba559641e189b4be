"""The outbox on pages: the list, one message, trying it again."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.outbox import labels, service
from webapp.outbox.kinds import kind_label
from webapp.outbox.meaning import diagnosis as meaning
from webapp.outbox.service import NotRetryable, StateFilter
from webapp.outbox.status import delivery_status
from webapp.web.forms import ConfirmForm

blueprint = Blueprint("outbox", __name__, url_prefix="/outbox")


@blueprint.app_context_processor
def _words() -> dict[str, Any]:
    return {"outbox_words": labels, "kind_label": kind_label}


@blueprint.get("")
def messages() -> str:
    """What is owed, sent and failed, newest first."""
    shown = _shown(request.args.get("state", ""))
    before = request.args.get("before", type=int)
    with app_state().database.read() as session:
        found, more = service.page(session, shown, before)
    return render_template("outbox/messages.html", messages=found, more=more, shown=shown, before=before)


@blueprint.get("/<int:message_id>")
def message(message_id: int) -> str:
    """One message: where it stands, and what the server said."""
    with app_state().database.read() as session:
        found = service.message(session, message_id)
        diagnosis = meaning(session, found)
    can_retry = service.can_retry(found, clock.now())
    return render_template(
        "outbox/message.html", message=found, form=ConfirmForm(), can_retry=can_retry, diagnosis=diagnosis
    )


@blueprint.post("/<int:message_id>/retry")
def retry(message_id: int) -> Response:
    """Try one message again now."""
    try:
        with app_state().database.transaction() as session:
            service.retry(session, message_id)
        flash(_("Trying again now."), "success")
    except NotRetryable:
        flash(_("Nothing to retry: the message is already being sent or is finished."), "warning")
    return redirect(url_for("outbox.message", message_id=message_id))


def delivery_status_panel() -> str:
    """Whether email is being delivered, for the mail server page."""
    with app_state().database.read() as session:
        status = delivery_status(session)
        diagnosis = meaning(session, status.stopped) if status.stopped else None
    return render_template("outbox/_delivery_status.html", status=status, diagnosis=diagnosis)


def _shown(name: str) -> StateFilter:
    return StateFilter(name) if name in list(StateFilter) else StateFilter.ALL
