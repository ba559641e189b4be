"""The Webhooks pages: the list; one webhook with its signing secret, a test, and its latest events."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.applications.names import names as application_names
from webapp.core import rate_limits
from webapp.core.app_state import app_state
from webapp.core.errors import SetInFile
from webapp.core.rate_limits import Limit
from webapp.settings import declared
from webapp.web import csrf
from webapp.web.access import current_user
from webapp.web.forms import ConfirmForm
from webapp.webhooks import delivery, service
from webapp.webhooks.forms import CHOSEN, WebhookForm, scope_of
from webapp.webhooks.labels import describe_failure, host_of
from webapp.webhooks.models import Webhook
from webapp.webhooks.service import NameTaken
from webapp.webhooks.testing import send_test

blueprint = Blueprint("webhooks", __name__, url_prefix="/settings")
# The result says whether a host can be reached, so it could be used to scan networks.
TESTS = Limit("webhook tests", 20, timedelta(minutes=10))


@blueprint.get("/webhook")
def former_page() -> Response:
    """Lead on from where the only webhook there was had its page."""
    return redirect(url_for("webhooks.list_webhooks"), 301)


@blueprint.get("/webhooks")
def list_webhooks() -> str:
    """List the webhooks."""
    with app_state().database.read() as session:
        webhooks = service.list_all(session)
    hosts = {one.id: host_of(service.saved_url(one, app_state().sealer)) for one in webhooks}
    return render_template("webhooks/list.html", webhooks=webhooks, hosts=hosts, **_shared())


@blueprint.route("/webhooks/new", methods=["GET", "POST"])
@csrf.exempt
def create() -> str:
    """Create a webhook, and show its signing secret, once."""
    form = WebhookForm(_applications(), data={"webhook_scope": CHOSEN})
    if form.validate_on_submit():
        try:
            with app_state().database.transaction() as session:
                created = service.create(session, app_state().sealer, **form.values)
            return _page(created.webhook, secret=created.secret)
        except NameTaken as error:
            form.add_error("webhook_name", str(error))
    return render_template("webhooks/new.html", form=form)


@blueprint.route("/webhooks/<int:webhook_id>", methods=["GET", "POST"])
@csrf.exempt
def show(webhook_id: int) -> str | Response:
    """Show a webhook; save changes."""
    webhook = _webhook(webhook_id)
    form = _form(webhook)
    form.lock(_fields(_locked(webhook)))
    if not form.validate_on_submit():
        return _page(webhook, form)
    try:
        with app_state().database.transaction() as session:
            service.update(session, app_state().sealer, webhook_id, **form.values)
    except NameTaken as error:
        form.add_error("webhook_name", str(error))
        return _page(webhook, form)
    except SetInFile as error:
        form.report_locked(service.FIELDS[name] for name in error.fields)
        return _page(webhook, form)
    flash(_("Saved."), "success")
    return _redirect_to(webhook_id)


@blueprint.post("/webhooks/<int:webhook_id>/secret")
def renew_secret(webhook_id: int) -> str:
    """Create a new signing secret and show it, once."""
    with app_state().database.transaction() as session:
        secret = service.renew_secret(session, app_state().sealer, webhook_id)
    return _page(_webhook(webhook_id), secret=secret)


@blueprint.post("/webhooks/<int:webhook_id>/test")
def test(webhook_id: int) -> Response:
    """Send a test event at once, and show what the receiver replied."""
    webhook = _webhook(webhook_id)
    with app_state().database.transaction() as session:
        rate_limits.consume(session, TESTS, str(current_user.id))
    result = send_test(app_state(), webhook)
    if result.failure_code:
        error = describe_failure(result.failure_code, result.failure_params)
        flash(_("The test event couldn't be delivered. %(error)s", error=error), "danger")
    else:
        flash(_("Test event delivered."), "success")
    return _redirect_to(webhook_id)


@blueprint.post("/webhooks/<int:webhook_id>/turn-off")
def turn_off(webhook_id: int) -> Response:
    """Send the webhook nothing any more."""
    with app_state().database.transaction() as session:
        service.turn_off(session, webhook_id)
    flash(_("The webhook is off."), "success")
    return _redirect_to(webhook_id)


@blueprint.post("/webhooks/<int:webhook_id>/turn-on")
def turn_on(webhook_id: int) -> Response:
    """Send the webhook what happens from now on."""
    with app_state().database.transaction() as session:
        service.turn_on(session, webhook_id)
    flash(_("The webhook is on."), "success")
    return _redirect_to(webhook_id)


@blueprint.route("/webhooks/<int:webhook_id>/delete", methods=["GET", "POST"])
@csrf.exempt
def delete(webhook_id: int) -> str | Response:
    """Ask, then delete a webhook."""
    webhook, form = _webhook(webhook_id), ConfirmForm()
    if not form.validate_on_submit():
        return render_template("webhooks/delete.html", webhook=webhook, form=form)
    with app_state().database.transaction() as session:
        service.delete(session, webhook_id)
    flash(_("The webhook has been deleted."), "success")
    return redirect(url_for("webhooks.list_webhooks"))


def _webhook(webhook_id: int) -> Webhook:
    with app_state().database.read() as session:
        return service.get(session, webhook_id)


def _locked(webhook: Webhook) -> frozenset[str]:
    with app_state().database.read() as session:
        return declared.fields(session, declared.WEBHOOKS, webhook.name)


def _fields(names: Iterable[str]) -> frozenset[str]:
    """Return the fields of the form that show what the settings file sets of a webhook."""
    fields = {service.FIELDS[name] for name in names if name in service.FIELDS}
    return frozenset(fields | ({"webhook_scope"} if "webhook_events" in fields else set()))


def _form(webhook: Webhook, **given: Any) -> WebhookForm:
    saved = {
        "webhook_name": webhook.name,
        "webhook_url": service.saved_url(webhook, app_state().sealer),
        "webhook_application": webhook.application_id or 0,
        "webhook_scope": scope_of(webhook.events),
        "webhook_events": webhook.events,
    }
    return WebhookForm(_applications(), data=saved, **given)


def _applications() -> dict[int, str]:
    with app_state().database.read() as session:
        return application_names(session)


def _shared() -> dict[str, Any]:
    return {"applications": _applications(), "describe_failure": describe_failure, "is_gone": service.is_gone}


def _page(webhook: Webhook, form: WebhookForm | None = None, secret: str = "") -> str:
    with app_state().database.read() as session:
        deliveries, next_attempts = service.recent_deliveries(session, webhook.id), delivery.next_attempts(session)
    shown, locked = form or _form(webhook, formdata=None), _locked(webhook)
    shown.lock(_fields(locked))
    return render_template(
        "webhooks/webhook.html",
        webhook=webhook,
        form=shown,
        deliveries=deliveries,
        next_attempt_at=next_attempts.get(webhook.id),
        secret=secret,
        locked=locked,
        **_shared(),
    )


def _redirect_to(webhook_id: int) -> Response:
    return redirect(url_for("webhooks.show", webhook_id=webhook_id))
