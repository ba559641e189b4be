"""The Webhook page: the URL, the signing secret, a test, and the latest events."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.audit import service as audit
from webapp.core.app_state import app_state
from webapp.settings.context import general_settings
from webapp.web import csrf
from webapp.webhooks import audit_events, delivery, service
from webapp.webhooks.forms import WebhookForm
from webapp.webhooks.labels import describe_failure
from webapp.webhooks.service import NoUrl

blueprint = Blueprint("webhooks", __name__, url_prefix="/settings/webhook")


@blueprint.route("", methods=["GET", "POST"])
@csrf.exempt
def settings() -> str | Response:
    """Show the page; save the URL."""
    with app_state().database.read() as session:
        saved = service.settings(session)
    form = WebhookForm(data={"webhook_url": service.saved_url(saved, app_state().sealer)})
    if not form.validate_on_submit():
        return _page(form)
    with app_state().database.transaction() as session:
        secret = service.save(session, app_state().sealer, form.webhook_url.data or "")
    if secret is not None:
        return _page(form, secret)
    flash(_("Saved."), "success")
    return redirect(url_for("webhooks.settings"))


@blueprint.post("/secret")
def renew_secret() -> str | Response:
    """Create a new signing secret and show it, once."""
    try:
        with app_state().database.transaction() as session:
            secret = service.renew_secret(session, app_state().sealer)
            saved = service.settings(session)
    except NoUrl:
        flash(_("Save a URL first."), "danger")
        return redirect(url_for("webhooks.settings"))
    return _page(WebhookForm(formdata=None, data={"webhook_url": service.saved_url(saved, app_state().sealer)}), secret)


@blueprint.post("/test")
def test() -> Response:
    """Send a test event at once, and show what the receiver replied."""
    error = _send_test_event()
    with app_state().database.transaction() as session:
        audit.record(session, audit_events.WEBHOOK_TESTED, passed=not error)
        if not error:
            service.receiver_works(session)
    if error:
        flash(_("The test event couldn't be delivered. %(error)s", error=error), "danger")
    else:
        flash(_("Test event delivered."), "success")
    return redirect(url_for("webhooks.settings"))


def _send_test_event() -> str:
    """Send a test event; return why it was not delivered, empty if it was."""
    event = service.new_event(
        service.TEST_EVENT,
        "This is a test: there is nothing to do.",
        url=service.mail_server_url(general_settings()),
    )
    result = delivery.send(app_state(), event, asked=True)
    if result is None:
        return _("Save a URL first.")
    return describe_failure(result.failure_code, result.failure_params) if result.failure_code else ""


def _page(form: WebhookForm, secret: str = "") -> str:
    with app_state().database.read() as session:
        saved, recent = service.settings(session), service.recent_events(session)
    return render_template(
        "webhooks/settings.html",
        form=form,
        saved=saved,
        events=recent,
        secret=secret,
        describe_failure=describe_failure,
    )
