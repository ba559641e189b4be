"""Signing in at a provider: on to it, back from it, and the code that is typed elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, flash, jsonify, redirect, request, url_for
from flask import Response as FlaskResponse
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.accounts.sessions import browser as sessions
from webapp.core.actor import Actor, set_actor
from webapp.core.app_state import app_state
from webapp.core.texts import in_words
from webapp.mail import transport_settings
from webapp.mail.grants import authorization
from webapp.mail.models import MailServer
from webapp.mail.oauth import words
from webapp.mail.oauth.errors import NotConfigured, OAuthError, Pending
from webapp.mail.server_page import grant_view
from webapp.mail.server_page import page as view
from webapp.mail.server_page.routes import blueprint, save_typed, saved_server
from webapp.mail.service import Saved
from webapp.providers import OAuth2
from webapp.settings import service as general_settings
from webapp.web.access import signed_in
from webapp.web.security import allow_form_targets, csrf


def init_app(app: Flask) -> None:
    """Keep what a provider's answer carries out of addresses that stay: the sign-in page's, a refusal's."""
    app.before_request(_strayed)


@blueprint.post("/settings/mail/oauth/start")
@csrf.exempt
def start_grant() -> Response:
    """“Generate access token”: save what was typed, if anything was, and go on as the grant needs it."""
    saved = saved_server()
    if "provider" in request.form:
        done = save_typed(saved)
        if not isinstance(done, Saved):
            return done
        saved = done.server
    else:
        csrf.protect()
    try:
        if saved is None:
            raise NotConfigured(error=words.NO_OAUTH2)
        return _begun(saved, transport_settings.registration(saved, app_state()).method)
    except OAuthError as fault:
        grant_view.keep(fault)
        return _back()


@blueprint.get("/settings/mail/oauth/start")
def start_again() -> Response:
    """What was sent to this address may have been answered with the form; who opens it anew gets the saved one."""
    return _back()


@blueprint.after_request
def _lead_on(response: FlaskResponse) -> FlaskResponse:
    """Let the page that asks for the password in between lead to the provider: what waits in it goes on there."""
    if request.endpoint == "mail.start_grant" and "Content-Security-Policy" not in response.headers:
        allow_form_targets(response, view.ANYWHERE)
    return response


@blueprint.get("/settings/mail/oauth/callback")
def finish_grant() -> Response:
    """Where the provider sends the browser back to: keep what was granted, and go on to the form."""
    with _flash_errors():
        authorization.complete(app_state(), sessions.current_session().id, request.args)
        _generated()
    return _back()


@blueprint.post("/settings/mail/oauth/device")
def check_device() -> Response:
    """Whether the code was typed. Scripts ask for JSON, and open the page again once there is news."""
    saved, waiting = saved_server(), False
    if saved is None:
        return _back()
    with _flash_errors():
        try:
            if authorization.check_device(app_state(), saved, sessions.current_session().id):
                _generated()
        except Pending:
            waiting = True
    if request.accept_mimetypes.best == "application/json":
        return jsonify(waiting=waiting)
    if waiting:
        flash(_("The provider says the code hasn't been entered yet."), "info")
    return _back()


def _strayed() -> Response | None:
    """Lead whoever cannot use an answer to an address without it: to the sign-in page, or to a refusal."""
    if request.endpoint != "mail.finish_grant" or not request.query_string:
        return None
    person, client = signed_in(), sessions.client()
    if person.is_anonymous:
        set_actor(Actor(ip_address=client.address, user_agent=client.device))
        flash(in_words(authorization.reject_stray_callback(app_state()).error), "warning")
        return redirect(url_for("accounts.login", next=url_for("mail.mail_server")), 303)
    if person.is_administrator:
        return None
    set_actor(Actor(person.id, person.email, client.address, client.device))
    authorization.reject_stray_callback(app_state())
    return redirect(request.path, 303)


def _begun(saved: MailServer, method: OAuth2) -> Response:
    """On to the provider, to the code to type, or back with a token. Raises OAuthFault."""
    if method.grant == "authorization_code":
        with app_state().database.read() as session:
            general = general_settings.general(session, app_state().config)
        origin = request.headers.get("Origin", "")
        here = "" if origin == "null" else origin
        return redirect(authorization.start(app_state(), saved, general, sessions.current_session().id, here), 303)
    if method.grant == "device_code":
        authorization.start_device(app_state(), saved, sessions.current_session().id)
        return redirect(url_for("mail.mail_server", _anchor="access-token"), 303)
    authorization.generate(app_state(), saved)
    _generated()
    return _back()


@contextmanager
def _flash_errors() -> Iterator[None]:
    """Have the form say what went wrong."""
    try:
        yield
    except OAuthError as fault:
        grant_view.keep(fault)


def _generated() -> None:
    flash(_("The access token was generated. Send a test email to check that it works."), "success")


def _back() -> Response:
    return redirect(url_for("mail.mail_server"), 303)
