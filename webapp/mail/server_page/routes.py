"""The mail server page: choose a provider, save, send a test mail."""

from datetime import datetime
from typing import Any

import structlog
from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts.sessions import browser
from webapp.core.app_state import app_state
from webapp.core.sealing import CannotUnseal
from webapp.core.texts import in_words
from webapp.mail import servers, service, transport_settings
from webapp.mail.expiry.calendar import dates
from webapp.mail.grants import authorization
from webapp.mail.models import MailServer
from webapp.mail.server_page import drafts, grant_view
from webapp.mail.server_page import page as view
from webapp.mail.server_page.forms import MailServerForm
from webapp.mail.server_page.secret_checks import ask_again, has_secrets
from webapp.mail.server_page.typed import FormState
from webapp.mail.servers import ServerDraft
from webapp.mail.service import Saved
from webapp.mail.test_send import TestSend, send_test, stage_name
from webapp.providers import OAuth2
from webapp.providers.registry import get_providers
from webapp.settings import service as general_settings
from webapp.web.access import signed_in
from webapp.web.forms import errors_of
from webapp.web.security import allow_form_targets, csrf

blueprint = Blueprint("mail", __name__)
log = structlog.get_logger(__name__)


@blueprint.app_context_processor
def _words() -> dict[str, Any]:
    return {"in_words": in_words, "provider_label": _label, "stage_name": stage_name}


@blueprint.route("/settings/mail", methods=["GET", "POST"])
@csrf.exempt
def mail_server() -> Response:
    """Show the form; save it, test it, switch its provider, or take a suggestion."""
    saved = saved_server()
    typed = _typed(saved)
    if request.method == "GET":
        return _page(typed.form(sent=False), saved)
    if "apply" in request.form:
        flash(_("The suggested values are filled in. Test them, then save."), "info")
        return _page(typed.corrected(), saved)
    if "test" in request.form and not typed.another_provider:
        return _test(typed)
    done = save_typed(saved)
    if not isinstance(done, Saved):
        return done
    if done.discarded_grant and not _needs_token(done.server):
        flash(_("Saved. The access token was discarded, because this authentication doesn't need one."), "success")
    elif done.discarded_grant:
        flash(
            _(
                "Saved. The access token was discarded, because it was generated for other settings. "
                "Generate a new one."
            ),
            "warning",
        )
    else:
        flash(_("Saved and in use. Send a test email to check that it works."), "success")
    return redirect(url_for("mail.mail_server"))


def saved_server() -> MailServer | None:
    """The saved mail server."""
    with app_state().database.read() as session:
        return servers.primary(session)


def save_typed(saved: MailServer | None) -> Saved | Response:
    """Save what was typed, unless it is saved already; the page that says why not, when something is wrong."""
    typed = _typed(saved)
    if "choose" in request.form or typed.another_provider:
        form = typed.switched()
        return _page(form, saved, typed.draft(form))
    form = typed.form()
    valid = form.validate()
    draft = typed.draft(form)
    if not has_secrets(app_state(), form, draft, saved, typed.user_id) or not valid:
        return _page(form, saved, draft)
    if saved is not None and "save" not in request.form and service.is_unchanged(saved, draft):
        return Saved(saved)
    if not form.is_of(_version(saved)):
        return _page(form, saved, draft)
    try:
        with app_state().database.transaction() as session:
            return service.save(session, app_state(), draft, by=signed_in().email)
    except service.SecretsRequired:
        saved = saved_server()
        has_secrets(app_state(), form, draft, saved, typed.user_id)
        return _page(form, saved, draft)


def _test(typed: FormState) -> Response:
    form, saved = typed.form(), typed.saved
    valid = form.validate_for_test()
    draft = typed.draft(form)
    if not has_secrets(app_state(), form, draft, saved, typed.user_id) or not valid:
        return _page(form, saved, draft)
    with app_state().database.read() as session:
        general = general_settings.general(session, app_state().config)
    try:
        opened = transport_settings.from_draft(draft, saved, app_state(), general)
    except CannotUnseal as error:
        log.warning("saved secret cannot be opened", error=str(error))
        ask_again(app_state(), form, draft, saved)
        return _page(form, saved, draft)
    return _page(form, saved, draft, send_test(app_state(), opened, general, form.test_recipient.data or ""))


def _typed(saved: MailServer | None) -> FormState:
    return FormState(app_state(), request.form, saved, signed_in().id)


def _version(saved: MailServer | None) -> datetime | None:
    return saved.updated_at if saved else None


def _needs_token(server: MailServer) -> bool:
    provider = get_providers()[server.provider]
    return isinstance(provider.authentication_named(server.authentication), OAuth2)


def _label(key: str) -> str:
    """What a provider is called; its key when its plugin is gone."""
    provider = get_providers().get(key)
    return str(provider.label) if provider else key


def _page(
    form: MailServerForm, saved: MailServer | None, draft: ServerDraft | None = None, trial: TestSend | None = None
) -> Response:
    """The page. A field never shows a secret; those that were typed travel on, sealed."""
    if draft:
        draft = drafts.without(draft, [field.name for field in errors_of(form)])
        form.typed.data = drafts.carry_secrets(app_state().sealer, draft, signed_in().id) or form.typed.data
    form.draw_of(_version(saved))
    if not form.test_recipient.data:
        form.test_recipient.data = signed_in().email
    with app_state().database.read() as session:
        ends = dates(session, saved)
        general = general_settings.general(session, app_state().config)
        grant = grant_view.of(session, app_state(), saved, browser.current_session().id)
    same = saved is not None and saved.provider == form.chosen.key
    page = render_template(
        "mail/server.html",
        form=form,
        provider=form.chosen,
        providers=get_providers(),
        saved=saved,
        saved_provider=get_providers().get(saved.provider) if saved else None,
        trial=trial,
        unsaved=draft is not None and not service.is_unchanged(saved, draft),
        calendar=ends,
        suggestion=view.suggestion(form, trial.diagnosis) if trial and trial.diagnosis else "",
        grant=grant if same else grant_view.GrantView(),
        drops=grant.held,
        redirect_uri=authorization.redirect_uri(general) if general.public_url else "",
        refused=grant_view.authorization_failure(app_state(), saved),
        **view.page_context(form, saved, draft),
    )
    return allow_form_targets(make_response(page), view.form_targets(form.chosen))
