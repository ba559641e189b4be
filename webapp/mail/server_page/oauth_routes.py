"""Generate an access token: send the browser to the provider, take it back, and check a device code."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, flash, jsonify, redirect, request, url_for
from flask import Response as FlaskResponse
from flask import session as cookie
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.core.actor import current_actor
from webapp.core.app_state import app_state
from webapp.core.errors import TooManyRequests
from webapp.mail import servers, service
from webapp.mail.doctor import limits
from webapp.mail.grants import authorization
from webapp.mail.models import MailServer
from webapp.mail.oauth.errors import NotConfigured, OAuthError, Pending
from webapp.mail.server_page.form_state import FormState
from webapp.mail.server_page.grant_view import keep_authorization_failure
from webapp.mail.server_page.page import ENTERED_URLS
from webapp.mail.server_page.routes import blueprint, save_posted, url_of
from webapp.mail.service import Saved
from webapp.providers import OAuth2
from webapp.providers.registry import get_providers
from webapp.settings import service as settings
from webapp.web import csrf
from webapp.web.access import current_user
from webapp.web.error_pages import retry_text
from webapp.web.security import allow_form_targets

# In the session: the id of the server whose page the provider's answer is shown on.
AUTHORIZED_SERVER = "authorized_server"


def init_app(app: Flask) -> None:
    """Keep a provider's answer out of URLs that are shown: that of the sign-in page, or of a refusal."""
    app.before_request(_drop_stray_answer)


@blueprint.post("/settings/mail/oauth/start")
@csrf.exempt
def start_grant() -> Response:
    """“Generate access token”: save the form, if one was sent, and start what its grant type needs.

    `server` in the query is the id of the server that the form shows, that of the primary unless given.
    """
    state = FormState.from_request(request.args.get("server", type=int))
    saved = state.saved
    if "provider" in request.form:
        # A draft stays one until somebody puts it to use.
        done = save_posted(state, keep_draft=saved is not None and saved.is_draft)
        if not isinstance(done, Saved):
            return done
        saved = done.server
    else:
        csrf.require_valid_token()
    cookie[AUTHORIZED_SERVER] = saved.id if saved else None
    try:
        # What anybody may enter as token URL is connected to, as in a check.
        with app_state().database.transaction() as session:
            limits.count(session, current_user.id)
        return _start(saved)
    except TooManyRequests as error:
        flash(retry_text(error), "warning")
        return _back(saved)
    except OAuthError as error:
        keep_authorization_failure(error)
        return _back(saved)


@blueprint.get("/settings/mail/oauth/start")
def start_again() -> Response:
    """Show the saved form to those who open the URL of a page that came back with errors."""
    return _back(_server_of_request())


@blueprint.after_request
def _allow_provider(response: FlaskResponse) -> FlaskResponse:
    """Let the page that asks for the password in between lead to the provider, as the form in it does."""
    if request.endpoint == "mail.start_grant" and "Content-Security-Policy" not in response.headers:
        allow_form_targets(response, ENTERED_URLS)
    return response


@blueprint.get("/settings/mail/oauth/callback")
def finish_grant() -> Response:
    """Keep what the provider granted when it sends the browser back here, and go on to the form."""
    with _explaining_errors():
        authorization.complete(_session_id(), request.args)
        _flash_generated()
    with app_state().database.read() as session:
        # It may have been deleted or used meanwhile.
        server = servers.by_id(session, cookie.pop(AUTHORIZED_SERVER, None) or 0) or servers.primary(session)
    return _back(server)


@blueprint.post("/settings/mail/oauth/device")
def check_device() -> Response:
    """Ask the provider whether the device code was entered. Scripts ask for JSON."""
    saved, waiting = _server_of_request(), False
    if saved is None:
        return _back(saved)
    with _explaining_errors():
        try:
            if authorization.check_device(saved, _session_id()):
                _flash_generated()
        except Pending:
            waiting = True
    if request.accept_mimetypes.best == "application/json":
        return jsonify(waiting=waiting)
    if waiting:
        flash(_("The provider says the code hasn't been entered yet."), "info")
    return _back(saved)


def _drop_stray_answer() -> Response | None:
    """Redirect a callback to a URL without the provider's answer, if no administrator is signed in to use it."""
    if request.endpoint != "mail.finish_grant" or not request.query_string:
        return None
    if not current_user.is_authenticated:
        flash(_("The provider's reply arrived in a browser where no administrator is signed in."), "warning")
        return redirect(url_for("sessions.login", next=url_for("mail.mail_server")), 303)
    return None if current_user.is_administrator else redirect(request.path, 303)


def _start(saved: MailServer | None) -> Response:
    """Redirect to the provider, to the device code to enter, or back with a token. Raises OAuthError."""
    provider = get_providers().get(saved.provider) if saved else None
    method = provider.authentication_named(saved.authentication) if provider and saved else None
    if saved is None or not isinstance(method, OAuth2):
        raise NotConfigured("not_oauth2")
    if method.grant_type == "authorization_code":
        with app_state().database.read() as session:
            general = settings.general(session, app_state().config)
        origin = request.headers.get("Origin", "").removesuffix("null")
        return redirect(authorization.start(saved, general, _session_id(), origin), 303)
    if method.grant_type == "device_code":
        authorization.start_device(saved, _session_id())
        return redirect(url_of(saved, _anchor="access-token"), 303)
    authorization.generate(saved)
    _flash_generated()
    return _back(saved)


@contextmanager
def _explaining_errors() -> Iterator[None]:
    """Have the form explain what went wrong."""
    try:
        yield
    except OAuthError as error:
        keep_authorization_failure(error)


def _session_id() -> int:
    """Return the id of the session that this browser is signed in with."""
    session_id = current_actor().session_id
    if session_id is None:
        raise RuntimeError("no one is signed in")
    return session_id


def _flash_generated() -> None:
    flash(_("The access token was generated. Send a test email to check that it works."), "success")


def _server_of_request() -> MailServer | None:
    """Return the server that the query names, the primary unless it does. Raises NotFound."""
    with app_state().database.read() as session:
        return service.find(session, request.args.get("server", type=int))


def _back(server: MailServer | None) -> Response:
    return redirect(url_of(server) if server else url_for("mail.mail_server"), 303)
