"""The page of a mail server: choose a provider, save it or keep a draft, send a test email."""

from functools import partial
from typing import Any, cast

import structlog
from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask import Response as FlaskResponse
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.core.app_state import app_state
from webapp.core.errors import SetInFile, StaleVersion, TooManyRequests
from webapp.core.i18n import lazy_gettext as lazy
from webapp.core.sealing import CannotUnseal
from webapp.mail import servers, service
from webapp.mail.diagnosis.service import meaning
from webapp.mail.doctor import limits
from webapp.mail.doctor.examination import Examination
from webapp.mail.doctor.service import examine
from webapp.mail.filling import is_unchanged
from webapp.mail.grants import authorization
from webapp.mail.models import MailServer
from webapp.mail.oauth.errors import OAuthError
from webapp.mail.server_list import CannotBeFirst
from webapp.mail.server_page import discovering, progress
from webapp.mail.server_page.form_state import FormResult, FormState
from webapp.mail.server_page.grant_view import keep_authorization_failure
from webapp.mail.server_page.page import form_targets, page_context
from webapp.mail.server_page.places import place_of
from webapp.mail.server_page.progress import Tested
from webapp.mail.service import Saved
from webapp.mail.transcript import stage_label
from webapp.providers import OAuth2
from webapp.providers.registry import get_providers
from webapp.settings.declared import MAIL_SERVERS
from webapp.web import csrf
from webapp.web.access import current_user
from webapp.web.error_pages import retry_text, too_many_requests
from webapp.web.security import allow_form_targets

blueprint = Blueprint("mail", __name__)
# The buttons that put settings to use, and those that at least save them.
USING = ("save", "test_and_use")
SAVING = (*USING, "keep_draft")
CANNOT_BE_FIRST = lazy(
    "The first mail server is for all email. One that is only for certain senders or applications can't be the first."
)
log = structlog.get_logger(__name__)


@blueprint.app_context_processor
def _labels() -> dict[str, Any]:
    return {"provider_label": get_providers().label, "stage_label": stage_label}


@blueprint.route("/settings/mail", methods=["GET", "POST"])
@csrf.exempt
def mail_server() -> Response:
    """Show and change the mail server in use, or the first one."""
    return _answer(None)


@blueprint.route("/settings/mail/new", methods=["GET", "POST"])
@csrf.exempt
def new_server() -> Response:
    """Add one more mail server."""
    return _answer(service.NEW)


@blueprint.route("/settings/mail/<int(min=1):server_id>", methods=["GET", "POST"])
@csrf.exempt
def one_server(server_id: int) -> Response:
    """Show and change a fallback or a draft."""
    return _answer(server_id)


def url_of(server: MailServer | None, **given: Any) -> str:
    """Return the URL of the page of a server or draft; without one, that of a new one."""
    if server is None:
        return url_for("mail.new_server", **given)
    if server.position == servers.PRIMARY:
        return url_for("mail.mail_server", **given)
    return url_for("mail.one_server", server_id=server.id, **given)


def save_posted(state: FormState, keep_draft: bool = False) -> Saved | Response:
    """Save the posted form, unless it is saved already; return the page that says why, if it can't be.

    With `keep_draft`, the settings are not used.
    """
    if state.switches_provider:
        if "choose" not in request.form and any(name in request.form for name in SAVING):
            flash(_("Not saved yet: check the settings for this provider, then save."), "warning")
        return _page(state, state.after_switch())
    result = state.as_posted()
    entered, saved = result.entered, state.saved
    if entered is None or not result.valid:
        return _page(state, result)
    if saved is not None and not any(name in request.form for name in USING) and is_unchanged(saved, entered):
        return Saved(saved, unchanged=True)
    try:
        with app_state().database.transaction() as session:
            return service.save(
                session,
                app_state().sealer,
                entered,
                current_user.email,
                result.form.expected_version,
                state.server_id,
                keep_draft,
            )
    except StaleVersion as error:
        result.form.report_conflict(error.current)
    except SetInFile as error:
        if MAIL_SERVERS in error.fields:
            result.form.form_errors.append(
                _("The settings file sets which servers are used. Keep this one as a draft.")
            )
        else:
            result.form.report_locked(error.fields)
    except CannotBeFirst:
        result.form.form_errors.append(CANNOT_BE_FIRST)
    except service.SecretsRequired:
        # Another administrator has saved since the secrets were checked.
        state = FormState.from_request(state.server_id)
        result = state.as_posted()
    return _page(state, result)


def _answer(server_id: int | None) -> Response:
    """Show the form; save it, test it, switch its provider, fill it in, or apply a fix and test it."""
    state = FormState.from_request(server_id)
    if request.method == "GET":
        return _page(state, state.as_saved())
    if discovering.is_asked(request.form):
        return _page(state, discovering.discover(state))
    if "apply" in request.form and not state.switches_provider:
        return _send_test(state.with_fix())
    if {"test", "check", "test_and_use"} & request.form.keys() and not state.switches_provider:
        return _send_test(state)
    if "cancel" in request.form:
        flash(_("The check was canceled."), "info")
        state = state.before_check()
        return _page(state, state.as_posted())
    done = save_posted(state, keep_draft="keep_draft" in request.form)
    if isinstance(done, Saved):
        flash(*_said_of(done))
        return redirect(url_of(done.server))
    return done


def _send_test(state: FormState) -> Response:
    sends = not _sends_nothing()
    result = state.as_posted(for_test=True, sends=sends)
    if result.entered is None or not result.valid:
        return _page(state, result)
    recipient = result.form.test_recipient.data or ""

    def page(tested: Tested) -> FlaskResponse:
        try:
            test = tested.result()
        except CannotUnseal as error:
            log.warning("saved secret cannot be unsealed", error=str(error))
            return _page(state, state.with_unreadable_secrets(result))
        if test.ok and "test_and_use" in request.form:
            return _use_tested(state, test)
        return _page(state, state.offering_fixes(result, test.fixes), test)

    try:
        with app_state().database.transaction() as session:
            limits.count(session, current_user.id)
    except TooManyRequests as error:
        result.form.add_error("test_recipient", retry_text(error))
        return too_many_requests(error, _page(state, result))
    check = partial(examine, result.entered, state.saved, recipient, sends)
    response = progress.show(check, page, sends=sends, kept=state.to_keep(result))
    return allow_form_targets(response, form_targets(result.form.chosen))


def _sends_nothing() -> bool:
    """Return whether the check is to send nothing; one after a fix sends if the one that offered it did."""
    return "check" in request.form or request.form.get("apply", "").endswith("&check=1")


def _use_tested(state: FormState, test: Examination) -> FlaskResponse:
    """Save what has passed the test, and show the page of the server that has it now."""
    done = save_posted(state)
    if not isinstance(done, Saved):
        return cast(FlaskResponse, done)
    if done.is_draft:
        done = _use_with_token(done)
    text, _category = _said_of(done)
    state = FormState.from_request(done.server.id)
    return _page(state, state.as_saved(), test, said=text)


def _use_with_token(draft: Saved) -> Saved:
    """Get the access token that a draft needs, if that takes no person, and put the draft to use."""
    provider = get_providers().get(draft.server.provider)
    method = provider.authentication_named(draft.server.authentication) if provider else None
    if not isinstance(method, OAuth2) or method.needs_user:
        return draft
    try:
        authorization.generate(draft.server)
        with app_state().database.transaction() as session:
            return service.use(session, draft.server.id, current_user.email)
    except OAuthError as error:
        keep_authorization_failure(error)
    except SetInFile:
        flash(_("The settings file sets which servers are used, and in which order."), "warning")
    return draft


def _said_of(done: Saved) -> tuple[str, str]:
    """Return what is said of a save, and its category."""
    if done.is_draft and done.discarded_grant:
        text = _("Saved as a draft. Its access token was discarded, because it was generated for other settings.")
        return text, "warning"
    if done.is_draft:
        return _("Saved as a draft."), "info"
    if done.discarded_grant:
        return _("Saved. The access token was discarded, because it was generated for other settings."), "warning"
    if not done.can_work:
        return _("Saved. It will be used once the access token is generated."), "info"
    if done.unchanged:
        return _("Nothing was changed."), "info"
    if done.server.position != servers.PRIMARY:
        return f"{_('Saved.')} {place_of(done.server)}", "success"
    if request.form.get("save") == "tested" or "test_and_use" in request.form:
        return _("Saved and in use."), "success"
    return _("Saved and in use. Send a test email to check that it works."), "success"


def _page(state: FormState, result: FormResult, test: Examination | None = None, said: str = "") -> FlaskResponse:
    if not result.form.test_recipient.data:
        result.form.test_recipient.data = current_user.email
    first = state.saved is None and state.primary is None
    url = url_for("mail.mail_server") if first else url_of(state.saved)
    # Of this server, also when another one has become the first meanwhile.
    form_url = url_for("mail.one_server", server_id=state.saved.id) if state.saved else url
    context = page_context(state, result, test)
    replaced_url = url_of(context["replaced"]) if context["replaced"] else ""
    page = render_template(
        "mail/server.html",
        page_url=url,
        form_url=form_url,
        meaning=meaning,
        replaced_url=replaced_url,
        said=said,
        **context,
    )
    return allow_form_targets(make_response(page), form_targets(result.form.chosen))
