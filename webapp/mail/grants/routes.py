"""Signing in at a provider: on to it, back from it, and the code that is typed elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, flash, jsonify, redirect, request, url_for
from flask import Response as FlaskResponse
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from webapp.access import signed_in
from webapp.accounts.models import Role
from webapp.accounts.sign_ins import sessions
from webapp.audit.actor import Actor, acts
from webapp.context import parts
from webapp.mail import opening, view
from webapp.mail.grants import consent
from webapp.mail.grants import view as grant_view
from webapp.mail.models import MailServer
from webapp.mail.oauth import words
from webapp.mail.oauth.faults import OAuthFault, Pending, Unusable
from webapp.mail.routes import blueprint, save_typed, saved_server
from webapp.mail.service import Saved
from webapp.providers import OAuth2
from webapp.security import csrf, leading_on
from webapp.settings import service as general_settings
from webapp.texts import in_words


def guard(app: Flask) -> None:
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
            raise Unusable(error=words.NO_OAUTH2)
        return _begun(saved, opening.registration(saved, parts()).method)
    except OAuthFault as fault:
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
        leading_on(response, view.ANYWHERE)
    return response


@blueprint.get("/settings/mail/oauth/callback")
def finish_grant() -> Response:
    """Where the provider sends the browser back to: keep what was granted, and go on to the form."""
    with _told():
        consent.finish(parts(), sessions.sign_in().id, request.args)
        _generated()
    return _back()


@blueprint.post("/settings/mail/oauth/device")
def check_device() -> Response:
    """Whether the code was typed. Scripts ask for JSON, and open the page again once there is news."""
    saved, waiting = saved_server(), False
    if saved is None:
        return _back()
    with _told():
        try:
            if consent.check_device(parts(), saved, sessions.sign_in().id):
                _generated()
        except Pending:
            waiting = True
    if request.accept_mimetypes.best == "application/json":
        return jsonify(waiting=waiting)
    if waiting:
        flash(_("The provider says that nobody has typed the code yet."), "info")
    return _back()


def _strayed() -> Response | None:
    """Lead whoever cannot use an answer to an address without it: to the sign-in page, or to a refusal."""
    if request.endpoint != "mail.finish_grant" or not request.query_string:
        return None
    person, client = signed_in(), sessions.client()
    if person.is_anonymous:
        acts(Actor(client=client.address, device=client.device))
        flash(in_words(consent.strayed(parts()).error), "warning")
        return redirect(url_for("accounts.login", next=url_for("mail.settings")), 303)
    if person.role == Role.ADMINISTRATOR:
        return None
    acts(Actor(person.id, person.email, client.address, client.device))
    consent.strayed(parts())
    return redirect(request.path, 303)


def _begun(saved: MailServer, method: OAuth2) -> Response:
    """On to the provider, to the code to type, or back with a token. Raises OAuthFault."""
    if method.grant == "authorization_code":
        with parts().database.reading() as session:
            general = general_settings.general(session, parts().config)
        origin = request.headers.get("Origin", "")
        here = "" if origin == "null" else origin
        return redirect(consent.begin(parts(), saved, general, sessions.sign_in().id, here), 303)
    if method.grant == "device_code":
        consent.begin_device(parts(), saved, sessions.sign_in().id)
        return redirect(url_for("mail.settings", _anchor="access-token"), 303)
    consent.generate(parts(), saved)
    _generated()
    return _back()


@contextmanager
def _told() -> Iterator[None]:
    """Have the form say what went wrong."""
    try:
        yield
    except OAuthFault as fault:
        grant_view.keep(fault)


def _generated() -> None:
    flash(_("The access token was generated. Send a test mail to see that it works."), "success")


def _back() -> Response:
    return redirect(url_for("mail.settings"), 303)
