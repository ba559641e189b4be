"""The mail server page: choose a provider, save, send a test email, discard the draft."""

from functools import partial
from typing import Any

import structlog
from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask import Response as FlaskResponse
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.core.app_state import app_state
from webapp.core.errors import SetInFile, StaleVersion, TooManyRequests
from webapp.core.sealing import CannotUnseal
from webapp.mail import places, servers, service
from webapp.mail.doctor import limits
from webapp.mail.doctor.examination import Examination
from webapp.mail.doctor.service import examine
from webapp.mail.filling import is_unchanged
from webapp.mail.models import MailServer
from webapp.mail.server_page import discovering, progress
from webapp.mail.server_page.form_state import FormResult, FormState
from webapp.mail.server_page.page import form_targets, page_context
from webapp.mail.server_page.progress import Tested
from webapp.mail.servers import SavedServers
from webapp.mail.service import Saved
from webapp.mail.transcript import stage_label
from webapp.providers.registry import get_providers
from webapp.web import csrf
from webapp.web.access import current_user
from webapp.web.error_pages import retry_text, too_many_requests
from webapp.web.forms import VersionedForm
from webapp.web.security import allow_form_targets

blueprint = Blueprint("mail", __name__)
log = structlog.get_logger(__name__)


@blueprint.app_context_processor
def _labels() -> dict[str, Any]:
    return {"provider_label": get_providers().label, "stage_label": stage_label}


@blueprint.route("/settings/mail", methods=["GET", "POST"])
@csrf.exempt
def mail_server() -> Response:
    """Show the form; save it, test it, switch its provider, fill it in, or apply a fix and test it."""
    state = FormState.from_request(saved_servers())
    if request.method == "GET":
        return _page(state.as_saved(), state.saved)
    if discovering.is_asked(request.form):
        return _page(discovering.discover(state), state.saved)
    if "apply" in request.form and not state.switches_provider:
        return _send_test(state.with_fix())
    if {"test", "check"} & request.form.keys() and not state.switches_provider:
        return _send_test(state)
    if "cancel" in request.form and not state.switches_provider:
        flash(_("The check was cancelled."), "info")
        return _page(state.as_posted(), state.saved)
    done = save_posted(state)
    if isinstance(done, Saved):
        _flash_saved(done)
        return redirect(url_for("mail.mail_server"))
    return done


def saved_servers() -> SavedServers:
    """Return the mail server in use, and the draft."""
    with app_state().database.read() as session:
        return servers.find_saved(session)


def save_posted(state: FormState, keep_draft: bool = False) -> Saved | Response:
    """Save the posted form, unless it is saved already; return the page that says why, if it can't be.

    With `keep_draft`, a draft is not put to use.
    """
    if state.switches_provider:
        if "save" in request.form and "choose" not in request.form:
            flash(_("Not saved yet: check the settings for this provider, then save."), "warning")
        return _page(state.after_switch(), state.saved)
    result = state.as_posted()
    entered, saved = result.entered, state.saved
    if entered is None or not result.valid:
        return _page(result, saved)
    if saved is not None and "save" not in request.form and is_unchanged(saved, entered):
        return Saved(saved)
    try:
        with app_state().database.transaction() as session:
            version = result.form.expected_version
            return service.save(
                session,
                app_state().sealer,
                entered,
                current_user.email,
                version,
                saved.id if saved else None,
                keep_draft,
            )
    except StaleVersion as error:
        result.form.report_conflict(error.current)
    except SetInFile as error:
        result.form.report_locked(error.fields)
    except service.SecretsRequired:
        # Another administrator has saved since the secrets were checked.
        state = FormState.from_request(saved_servers())
        result = state.as_posted()
    return _page(result, state.saved)


@blueprint.post("/settings/mail/draft/discard")
def discard_draft() -> Response:
    """Delete the draft that the page showed, and show the mail server in use again."""
    try:
        with app_state().database.transaction() as session:
            draft = servers.find_saved(session, lock=True).draft
            if draft is None:
                raise StaleVersion(0)
            places.delete(session, draft.id, VersionedForm().expected_version)
        flash(_("The draft was discarded."), "success")
    except StaleVersion:
        flash(_("Nothing was discarded: someone has changed the draft or put it to use."), "warning")
    return redirect(url_for("mail.mail_server"), 303)


def _send_test(state: FormState) -> Response:
    result = state.as_posted(for_test=True)
    if result.entered is None or not result.valid:
        return _page(result, state.saved)
    recipient = result.form.test_recipient.data or ""

    def page(tested: Tested) -> FlaskResponse:
        try:
            test = tested.result()
        except CannotUnseal as error:
            log.warning("saved secret cannot be unsealed", error=str(error))
            return _page(state.with_unreadable_secrets(result), state.saved)
        return _page(state.offering_fix(result, test.fix.values), state.saved, test)

    try:
        with app_state().database.transaction() as session:
            limits.count(session, current_user.id)
    except TooManyRequests as error:
        result.form.add_error("test_recipient", retry_text(error))
        return too_many_requests(error, _page(result, state.saved))
    sends = not _sends_nothing()
    check = partial(examine, result.entered, state.saved, recipient, sends)
    response = progress.show(check, page, sends=sends, kept=state.to_post_again(result))
    return allow_form_targets(response, form_targets(result.form.chosen))


def _sends_nothing() -> bool:
    """Return whether the check is to send nothing; one after a fix sends if the one that offered it did."""
    return "check" in request.form or request.form.get("apply", "").endswith("&check=1")


def _flash_saved(done: Saved) -> None:
    if done.is_draft and done.discarded_grant:
        text = _("Saved as a draft. Its access token was discarded, because it was generated for other settings.")
        flash(text, "warning")
    elif done.is_draft:
        flash(_("Saved as a draft."), "info")
    elif done.discarded_grant:
        flash(_("Saved. The access token was discarded, because it was generated for other settings."), "warning")
    elif not done.can_work:
        flash(_("Saved. It will be used once the access token is generated."), "info")
    elif done.unchanged:
        flash(_("Nothing was changed."), "info")
    elif request.form.get("save") == "tested":
        flash(_("Saved and in use."), "success")
    else:
        flash(_("Saved and in use. Send a test email to check that it works."), "success")


def _page(result: FormResult, saved: MailServer | None, test: Examination | None = None) -> FlaskResponse:
    if not result.form.test_recipient.data:
        result.form.test_recipient.data = current_user.email
    page = render_template("mail/server.html", **page_context(result, saved, test))
    return allow_form_targets(make_response(page), form_targets(result.form.chosen))
