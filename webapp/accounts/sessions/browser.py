"""The browser's side of a session: the cookie with its token, and Flask-Login reading it."""

from typing import cast

from flask import Flask, Request, Response, after_this_request, g, redirect, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from webapp.accounts.models import Session, User
from webapp.accounts.sessions import known_devices, service
from webapp.accounts.sessions.service import SessionCookies
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.settings.context import keep_general_settings
from webapp.web import cookies
from webapp.web.access import login_manager, requested_url
from webapp.web.error_pages import is_database_unavailable


def init_app(app: Flask) -> None:
    """Have Flask-Login find the user of a request by the session cookie."""
    # It would compare the browser's address, which changes on every train ride.
    app.config["SESSION_PROTECTION"] = None
    # Browsers send the cookies of one host to all of its ports: `remember_token` may be another application's.
    app.config["REMEMBER_COOKIE_NAME"] = "mailroom_remember"
    login_manager.request_loader(_load_user)
    login_manager.unauthorized_handler(_redirect_to_login)


def start(new: SessionCookies) -> None:
    """Give the browser a new session, and forget all that Flask's session held before."""
    session.clear()
    set_cookies(new)


def set_cookies(new: SessionCookies) -> None:
    """Set the cookies of a session and of a known device."""
    set_token(new.token, new.session)
    remember_device(new.device_cookie)


def set_token(token: str, user_session: Session) -> None:
    """Set the session cookie; it lasts as long as a remembered session, else until the browser is closed."""
    cookies.set_later(cookies.SESSION, token, user_session.expires_at if user_session.remembered else None)


def rotate_token_after_request() -> None:
    """Record that the password was just entered, and give the session a new token, once the request has succeeded.

    Until then the current token stays valid in other windows, however long the view takes.
    """
    user_session = current_session()

    @after_this_request
    def rotate(response: Response) -> Response:
        if response.status_code < 500:
            with app_state().database.transaction() as session:
                token = service.mark_authenticated(session, user_session)
            # None if another window did the same meanwhile: the browser gets the token from there.
            if token is not None:
                set_token(token, user_session)
        return response


def forget() -> None:
    """Delete the session cookie; what Flask's session holds stays."""
    cookies.delete_later(cookies.SESSION)


def is_signed_in() -> bool:
    """Return whether this browser has a valid session."""
    return bool(current_user._get_current_object().is_authenticated)


def signed_in() -> User:
    """Return the signed-in user; only for pages that are not public."""
    return cast(User, current_user._get_current_object())


def other_user(user_id: int) -> User | None:
    """Return who is signed in with this browser, if that is somebody else than this user."""
    return signed_in() if is_signed_in() and signed_in().id != user_id else None


def current_session() -> Session:
    """Return the session of this request; only for pages that are not public."""
    return cast(Session, g.user_session)


def remember_device(device_cookie: str) -> None:
    """Set the cookie by which this browser is recognised at the next login, if there is anything to keep."""
    if device_cookie:
        cookies.set_later(cookies.DEVICE, device_cookie, clock.now() + known_devices.KNOWN_FOR)


def _redirect_to_login() -> BaseResponse:
    # Forms are posted only by users who were signed in.
    ended = "form" if request.method != "GET" else "page" if cookies.get(cookies.SESSION) else None
    return redirect(url_for("sessions.login", next=requested_url(), ended=ended))


def _load_user(_request: Request) -> User | None:
    # The page that reports an unavailable database asks who is signed in, too.
    token = "" if is_database_unavailable() else cookies.get(cookies.SESSION)
    loaded = service.find(app_state().database, token) if token else None
    if loaded is None:
        return None
    g.user_session, g.password_is_expired = loaded.session, loaded.password_is_expired
    keep_general_settings(loaded.general_settings)
    loaded.user.session_id, loaded.user.session_identity = loaded.session.id, loaded.session.identity
    if loaded.needs_touch:
        with app_state().database.transaction() as session:
            service.touch(session, loaded.session)
    return loaded.user
