"""The Outbox pages."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.database import Database
from webapp.core.errors import NotFound
from webapp.mail import servers
from webapp.outbox import audit_events, bulk, labels, listing, panels, resend, service
from webapp.outbox.export import export_csv
from webapp.outbox.filters import Filter, StateFilter
from webapp.outbox.forms import FilterForm
from webapp.outbox.kinds import Unwanted, kind_label
from webapp.outbox.limits import limit_reached
from webapp.outbox.listing import Page
from webapp.outbox.models import MessageState
from webapp.outbox.preview_routes import frame
from webapp.outbox.resend import AlreadyOnItsWay, NotResendable
from webapp.outbox.service import NotRetryable, NotWaiting
from webapp.outbox.status import delivery_status
from webapp.outbox.story import email_of, handed, story
from webapp.settings.context import general_settings
from webapp.web import csrf, security
from webapp.web.downloads import csv_download
from webapp.web.forms import ConfirmForm

blueprint = Blueprint("outbox", __name__, url_prefix="/outbox")


@blueprint.app_context_processor
def _labels() -> dict[str, Any]:
    return {"outbox_labels": labels, "kind_label": kind_label, "mail_waits": mail_waits}


@blueprint.get("")
def messages() -> str:
    """List the messages, newest first."""
    form = FilterForm(formdata=request.args)
    before = request.args.get("before", type=int)
    page, counts, trouble = Page([], None), None, {}
    if form.validate():
        with app_state().database.read() as session:
            page = listing.find(session, form.to_filter(), before)
            counts = listing.count_states(session, form.to_filter())
        if counts[StateFilter.WAITING].number:
            trouble = panels.explain_trouble()
    return render_template("outbox/messages.html", form=form, page=page, counts=counts, before=before, **trouble)


@blueprint.get("/messages.csv")
def download() -> BaseResponse:
    """Send all messages that the filter shows, not only one page."""
    form = FilterForm(formdata=request.args)
    if not form.validate():
        return redirect(url_for("outbox.messages", state=form.shown.value, **form.query_args()))
    with app_state().database.transaction() as session:
        audit.record(session, audit_events.OUTBOX_DOWNLOADED, filtered=form.names())
    pieces = export_csv(app_state().database, form.to_filter())
    return csv_download(f"outbox-{clock.now():%Y-%m-%d}", pieces)


@blueprint.get("/<int:message_id>")
def message(message_id: int) -> Response:
    """Show one message: its state, its attempts and the email."""
    now = clock.now()
    with app_state().database.read() as session:
        found = service.get_message(session, message_id)
        is_due = found.state == MessageState.QUEUED and found.next_attempt_at <= now
        data = {
            "diagnosis": service.diagnosis(session, found),
            "story": story(session, message_id),
            "server_names": servers.names(session),
            "limit": limit_reached(session, now) if is_due else None,
            "handed": handed(session, found),
            "email": email_of(session, found, app_state()),
        }
    page = render_template(
        "outbox/message.html",
        message=found,
        is_due=is_due,
        can_retry=service.can_retry(found, now),
        can_cancel=service.can_cancel(found),
        can_resend=resend.can_resend(found),
        **data,
    )
    return security.allow_own_frames(make_response(page))


@blueprint.get("/<int:message_id>/html")
def message_html(message_id: int) -> Response:
    """Show the HTML of the email alone, for the frame."""
    with app_state().database.read() as session:
        email = email_of(session, service.get_message(session, message_id), app_state())
    if email is None:
        raise NotFound
    return frame(email.html or "")


@blueprint.post("/<int:message_id>/retry")
def retry(message_id: int) -> BaseResponse:
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
def cancel(message_id: int) -> BaseResponse:
    """Don't send one message that waits."""
    try:
        with app_state().database.transaction() as session:
            service.cancel(session, message_id)
        flash(_("Canceled."), "success")
    except NotWaiting:
        flash(_("Nothing to cancel: the message is already being sent or is finished."), "warning")
    return redirect(url_for("outbox.message", message_id=message_id))


@blueprint.post("/<int:message_id>/resend")
def send_again(message_id: int) -> BaseResponse:
    """Send a message again, with a new link."""
    try:
        with app_state().database.transaction() as session:
            copy = resend.resend(session, message_id)
    except Unwanted as error:
        flash(labels.describe_unwanted(error), "warning")
    except AlreadyOnItsWay:
        flash(_("Not sent again: an email of this type to this address is already waiting."), "warning")
    except NotResendable:
        flash(_("This message can't be sent again."), "warning")
    else:
        flash(_("The message is sent again with a new link. The old link no longer works."), "success")
        return redirect(url_for("outbox.message", message_id=copy))
    return redirect(url_for("outbox.message", message_id=message_id))


@blueprint.route("/retry-all", methods=["GET", "POST"])
@csrf.exempt
def retry_all() -> ResponseReturnValue:
    """Try all messages that the filter shows again, after saying how many."""
    return _change_all(
        "outbox/retry_all.html",
        bulk.count_retryable,
        bulk.retry_all,
        lambda number: ngettext(
            "Trying %(messages)s message again.",
            "Trying %(messages)s messages again.",
            number,
            messages=format_decimal(number),
        ),
    )


@blueprint.route("/cancel-all", methods=["GET", "POST"])
@csrf.exempt
def cancel_all() -> ResponseReturnValue:
    """Don't send what waits of the messages that the filter shows, after saying how many."""
    return _change_all(
        "outbox/cancel_all.html",
        bulk.count_cancellable,
        bulk.cancel_all,
        lambda number: ngettext(
            "%(messages)s message canceled.",
            "%(messages)s messages canceled.",
            number,
            messages=format_decimal(number),
        ),
    )


def _change_all(
    template: str,
    count: Callable[[Session, Filter], int],
    change: Callable[[Database, Filter, list[str]], int],
    done: Callable[[int], str],
) -> ResponseReturnValue:
    filter_form, form = FilterForm(formdata=request.args), ConfirmForm()
    back = url_for("outbox.messages", state=filter_form.shown.value, **filter_form.query_args())
    if not filter_form.validate():
        return redirect(back)
    if not form.validate_on_submit():
        with app_state().database.read() as session:
            number = count(session, filter_form.to_filter())
        return render_template(template, form=form, filter_form=filter_form, number=number, back=back)
    number = change(app_state().database, filter_form.to_filter(), filter_form.names())
    flash(done(number), "success")
    return redirect(back)


def mail_waits() -> bool:
    """Return whether emails with links wait at the moment, to anyone."""
    with app_state().database.read_columns() as connection:
        return not general_settings().public_url or delivery_status(connection, clock.now()).is_stopped
