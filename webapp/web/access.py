"""Access to pages. Every page that is not on one of two short lists is for administrators."""

from typing import Protocol, cast
from urllib.parse import urlsplit

import structlog
from flask import Flask, abort, current_app, request, url_for
from flask_login import LoginManager
from flask_login import current_user as user_proxy
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Response

from webapp.core.actor import SYSTEM, Actor, set_actor
from webapp.core.config import MAX_ANONYMOUS_REQUEST_SIZE
from webapp.web.client import current_client
from webapp.web.problems import is_api_request

log = structlog.get_logger(__name__)


class CurrentUser(Protocol):
    """What pages of all packages may ask the signed-in user for; a visitor only has `is_authenticated`."""

    id: int
    email: str
    name: str
    is_authenticated: bool
    is_administrator: bool
    session_id: int
    session_identity: str


current_user = cast(CurrentUser, user_proxy)
# The sessions set how it finds the current user, and what an anonymous visitor of another page gets.
login_manager = LoginManager()

PUBLIC = frozenset({
    "static",
    "bootstrap.static",
    "health.healthz",
    "health.readyz",
    "monitoring.metrics",
    "language.choose",
    "setup.set_up",
    "sessions.login",
    "password_links.open_activation",
    "password_links.activate",
    "password_links.activate_again",
    "password_links.forgot_password",
    "password_links.forgot_password_sent",
    "password_links.enter_code",
    "password_links.lead_back",
    "password_links.password_advice",
    "password_links.open_reset",
    "password_links.reset_password",
    "address_changes.open_confirmation",
    "address_changes.confirm_address",
    "password_links.open_restoration",
    "password_links.restore_address",
    "round_trips.open_link",
    "round_trips.confirm",
    "round_trips.answer",
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
    """Require a session for every page that is not public, and the administrator's role for most.

    This must come before anything that reads forms, so that no large ones are read from strangers.
    """
    public = PUBLIC | also_public
    # Flask-Login would look the user up for every template, even for the page that says that the database is away.
    login_manager.init_app(app, add_context_processor=False)
    app.jinja_env.globals["current_user"] = current_user

    @app.teardown_request
    def reset_actor(_error: BaseException | None) -> None:
        # The thread may serve another request, or run the rest of a command.
        set_actor(SYSTEM)

    @app.before_request
    def check() -> Response | None:
        structlog.contextvars.unbind_contextvars("by")
        client = current_client()
        set_actor(Actor(ip_address=client.ip_address, user_agent=client.user_agent))
        # The API authenticates programs itself, and knows no sessions.
        if request.endpoint is None or request.endpoint in public or is_api_request():
            request.max_content_length = MAX_ANONYMOUS_REQUEST_SIZE
            return None
        if not current_user.is_authenticated:
            response: Response = login_manager.unauthorized()
            return response
        # Log lines and audit entries name the user from here on.
        structlog.contextvars.bind_contextvars(by=current_user.id)
        set_actor(
            Actor(current_user.id, current_user.email, client.ip_address, client.user_agent, current_user.session_id)
        )
        if request.endpoint not in MEMBER and not current_user.is_administrator:
            log.warning("refused: for administrators only", endpoint=request.endpoint, method=request.method)
            abort(403)
        return None


def safe_next(target: str | None) -> str:
    """Return `target` if it is the path of a page of this site, else Home.

    Browsers read a backslash as a slash and skip control characters, so neither is allowed.
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


def requested_url() -> str | None:
    """Return where to go on after signing in: the requested page, or the page of a form; None for anything else."""
    if request.path == "/":
        return None
    if request.method != "GET":
        return request.path if _accepts_get(request.path) else None
    return request.full_path.rstrip("?")


def _accepts_get(target: str) -> bool:
    # Buttons post to URLs that are no pages.
    try:
        current_app.url_map.bind("").match(urlsplit(target).path, method="GET")
    except (MethodNotAllowed, ValueError):
        return False
    except HTTPException:
        # A missing page has its own error page.
        return True
    return True
