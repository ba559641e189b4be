"""Who may open what. Everything that is not on one of two short lists is for administrators."""

from typing import cast
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, abort, current_app, redirect, request, url_for
from flask_login import current_user
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Response as BaseResponse

from webapp.accounts.models import User
from webapp.accounts.sessions import browser
from webapp.core.actor import SYSTEM, Actor, set_actor
from webapp.core.config import MAX_ANONYMOUS_REQUEST_SIZE

log = structlog.get_logger(__name__)

PUBLIC = frozenset({
    "static",
    "bootstrap.static",
    "health.healthz",
    "health.readyz",
    "languages.choose",
    "setup.setup",
    "sessions.login",
    "password_links.open_activation",
    "password_links.activate",
    "password_links.activate_again",
    "password_links.forgot_password",
    "password_links.forgot_password_sent",
    "password_links.enter_code",
    "password_links.password_advice",
    "password_links.open_reset",
    "password_links.reset_password",
    "address_changes.open_confirmation",
    "address_changes.confirm_address",
    "address_changes.open_restoration",
    "address_changes.restore_address",
})  # fmt: skip
MEMBER = frozenset({
    "home.home",
    "sessions.reauthenticate",
    "sessions.logout",
    "profile.profile",
    "profile.change_name",
    "profile.change_language",
    "profile.change_password",
    "profile.change_expired_password",
    "profile.request_address_change",
    "profile.resend_confirmation",
    "profile.enter_address_code",
    "profile.cancel_address_change",
    "profile.sign_out",
    "profile.sign_out_others",
})  # fmt: skip


def init_app(app: Flask, also_public: frozenset[str] = frozenset()) -> None:
    """Ask for a sign-in before every page that is not public, and for the role before the others.

    It comes before all that reads forms, so that strangers have no large ones read.
    """
    public = PUBLIC | also_public

    @app.teardown_request
    def forget(_error: BaseException | None) -> None:
        # The thread goes on to the next request, or in a command to what it does itself.
        set_actor(SYSTEM)

    @app.before_request
    def check() -> BaseResponse | None:
        structlog.contextvars.unbind_contextvars("by")
        client = browser.client()
        set_actor(Actor(ip_address=client.address, user_agent=client.device))
        if request.endpoint is None or request.endpoint in public:
            request.max_content_length = MAX_ANONYMOUS_REQUEST_SIZE
            return None
        person = signed_in()
        if person.is_anonymous:
            return cast(Response, redirect(url_for("sessions.login", next=requested_url(), ended=_ended())))
        # Every line that is logged, and every entry in the trail, says from here on who asked.
        structlog.contextvars.bind_contextvars(by=person.id)
        session_id = browser.current_session().id
        set_actor(Actor(person.id, person.email, client.address, client.device, session_id))
        if request.endpoint not in MEMBER and not person.is_administrator:
            log.warning("refused: for administrators only", endpoint=request.endpoint, method=request.method)
            abort(403)
        return None


def signed_in() -> User:
    """The person who is signed in; only for pages that are not public."""
    return cast(User, current_user._get_current_object())


def safe_next(target: str | None) -> str:
    """The local address to go on to, or Home when `target` could lead off the site or is no page to open.

    Browsers read a backslash as a slash and skip control characters, so both are refused.
    """
    if (
        target
        and target.startswith("/")
        and not target.startswith("//")
        and "\\" not in target
        and target.isprintable()
        and _accepts_get(target)
    ):
        return target
    return url_for("home.home")


def _ended() -> str | None:
    """What the sign-in page has to tell whoever was signed in until now.

    The address says so, not the cookie: an answer that comes late would put the cookie of before in place of one
    that a new sign-in has set meanwhile.
    """
    if request.method != "GET":
        # Nobody sends one without having been signed in, in whichever window.
        return "form"
    return "page" if browser.token() else None


def _accepts_get(target: str) -> bool:
    """Whether it can be opened: buttons have addresses, too, to which forms are sent."""
    try:
        current_app.url_map.bind("").match(urlsplit(target).path, method="GET")
    except (MethodNotAllowed, ValueError):
        return False
    except HTTPException:
        # Nothing is there, or it is elsewhere: a page says so.
        return True
    return True


def requested_url() -> str | None:
    """The page that was asked for, to come back to, or the one at the address of a form; None for Home and buttons."""
    if request.path == "/":
        return None
    if request.method != "GET":
        return request.path if _accepts_get(request.path) else None
    return request.full_path.rstrip("?")
