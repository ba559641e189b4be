"""The browser's side of a sign-in: a session cookie that holds its token, and Flask-Login reading it."""

from dataclasses import replace
from typing import cast

from flask import Flask, Response, after_this_request, g, redirect, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from webapp.accounts.models import Session, User
from webapp.accounts.sessions import known_devices
from webapp.accounts.sessions import service as sign_ins
from webapp.accounts.sessions.login import LoginResult
from webapp.accounts.sessions.service import Client
from webapp.core.app_state import app_state
from webapp.web.access import login_manager, requested_url
from webapp.web.client import current_client
from webapp.web.cookies import PERSISTENT_UNTIL, cookie_name
from webapp.web.security import start_csrf

# Where Flask-Login looks for what its `user_loader` is to be given.
SIGN_IN = "_user_id"


def init_app(app: Flask) -> None:
    """Have Flask-Login look people up by their sign-in."""
    # It would compare the browser's address, which changes on every train ride.
    app.config["SESSION_PROTECTION"] = None
    # Browsers send one host's cookies to all of its ports; another application's are not ours.
    app.config["REMEMBER_COOKIE_NAME"] = "mailroom_remember"
    login_manager.user_loader(_load)
    login_manager.unauthorized_handler(_redirect_to_login)
    app.after_request(_leave_newer)


def begin(begun: LoginResult) -> None:
    """Go on with a new sign-in in this browser, which is known from now on."""
    stay_known(begun.known_as)
    start(begun.token, begun.sign_in)


def start(token: str, held: Session) -> None:
    """Replace the browser's session by one that holds this sign-in alone, and lasts as long as it."""
    session.clear()
    start_csrf()
    session[SIGN_IN] = token
    if held.remembered:
        session[PERSISTENT_UNTIL] = held.expires_at.timestamp()


def renew(token: str) -> None:
    """Go on with the same session under another token."""
    session[SIGN_IN] = token


def forget() -> None:
    """The sign-in is over; the rest of the session stays."""
    session.pop(SIGN_IN, None)


def token() -> str:
    """The token of the browser's session, empty when there is none."""
    return str(session.get(SIGN_IN, ""))


def is_signed_in() -> bool:
    """Whether somebody is signed in with this browser."""
    return bool(token()) and bool(current_user._get_current_object().is_authenticated)


def signed_in() -> User:
    """Return the signed-in user; only for pages that are not public."""
    return cast(User, current_user._get_current_object())


def current_session() -> Session:
    """The sign-in with which this request came; only for pages that are not public."""
    return cast(Session, g.sign_in)


def client() -> Client:
    """Who sends this request."""
    client = current_client()
    return Client(client.ip_address, client.user_agent, known_as())


def here() -> Client:
    """The same, and the sign-in that the browser has, if any. Answers to whoever asks for it differ by cookie."""
    return replace(client(), token=token())


def known_as() -> str:
    """What the cookie holds by which this browser is known; see `known_devices`."""
    return request.cookies.get(_device_cookie(), "")


def stay_known(known_as: str) -> None:
    """Have this request's answer set that cookie, if there is anything to keep."""
    if not known_as:
        return

    @after_this_request
    def set_cookie(response: Response) -> Response:
        response.set_cookie(
            _device_cookie(),
            known_as,
            max_age=known_devices.KNOWN_FOR,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
        return response


def _device_cookie() -> str:
    return cookie_name("mailroom_device")


def _leave_newer(response: Response) -> Response:
    """Leave the browser's cookie alone where another answer has replaced the token with which this request came.

    A view may take its time, and in another window the password be changed meanwhile: the cookie is written as a
    whole, so the former token would come back with it, which opens nothing any more.
    """
    # A failure may be that of the database, which could not be asked then, nor have another token by now.
    if response.status_code < 500 and session.modified and token() and token() == g.get("came_with"):
        session.modified = sign_ins.find(app_state().database, token()) is not None
    return response


def _redirect_to_login() -> BaseResponse:
    # The URL says why, not the cookie: a late answer would overwrite the cookie of a session that began meanwhile.
    # Forms are only sent from pages of people who were signed in.
    ended = "form" if request.method != "GET" else "page" if token() else None
    return redirect(url_for("sessions.login", next=requested_url(), ended=ended))


def _load(token: str) -> User | None:
    database = app_state().database
    found = sign_ins.find(database, token)
    if found is None:
        return None
    g.came_with = token
    found.user.session_id = found.sign_in.id
    g.sign_in, g.password_is_old = found.sign_in, found.password_is_old
    if found.is_stale:
        with database.transaction() as session:
            sign_ins.touch(session, found.sign_in)
    return found.user
