"""Protection against cross-site request forgery: a form is accepted only with a token that its own page carried.

The token is an HMAC of the signed-in session or, for visitors, of a random cookie that is set once. It stays the same
as long as the session does, so pages open in several windows remain valid whatever the others do.
"""

import hmac
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import structlog
from flask import Flask, current_app, g, request
from werkzeug.exceptions import BadRequest
from wtforms import Field
from wtforms.csrf.core import CSRF
from wtforms.validators import ValidationError

from webapp.core.app_state import app_state
from webapp.core.sealing import derive
from webapp.web import cookies
from webapp.web.access import current_user
from webapp.web.problems import is_api_request

FORM_FIELD = "csrf_token"
# Requests with these methods change nothing.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

View = TypeVar("View", bound=Callable[..., Any])
log = structlog.get_logger(__name__)
_exempt: set[Callable[..., Any]] = set()


class InvalidCsrfToken(BadRequest):
    """The form came from another session's page, or from another site."""


class FormCsrf(CSRF):
    """Adds the token to WTForms' forms and checks it."""

    def generate_csrf_token(self, csrf_token_field: Field) -> str:
        """Return the token of this browser."""
        return csrf_token()

    def validate_csrf_token(self, form: Any, field: Field) -> None:
        """Raise ValidationError unless the posted token is this browser's."""
        if not _is_valid(field.data):
            raise ValidationError("invalid token")


def init_app(app: Flask) -> None:
    """Check the token of every request that may change something, except to views that are exempt."""
    app.jinja_env.globals["csrf_token"] = csrf_token

    @app.before_request
    def check() -> None:
        # No browser adds the credentials that the API wants to a request by itself.
        if request.method in SAFE_METHODS or request.endpoint is None or is_api_request():
            return
        if current_app.view_functions.get(request.endpoint) not in _exempt:
            require_valid_token()


def exempt(view: View) -> View:
    """Leave the check to the form that the view validates, so that the page can come back with what was entered."""
    _exempt.add(view)
    return view


def require_valid_token() -> None:
    """Raise InvalidCsrfToken unless the request carries this browser's token."""
    if not _is_valid(request.form.get(FORM_FIELD)):
        raise InvalidCsrfToken


def csrf_token() -> str:
    """Return the token of this browser, signed with the current key."""
    return _tokens()[0]


def _is_valid(token: str | None) -> bool:
    valid = bool(token) and any(hmac.compare_digest(str(token).encode(), one.encode()) for one in _tokens())
    if not valid:
        log.warning("csrf token refused", endpoint=request.endpoint)
    return valid


def _tokens() -> list[str]:
    """Return the token for each of the keys, the current one first."""
    identity = getattr(current_user, "session_identity", None)
    owner = f"visitor {_visitor()}" if identity is None else f"session {identity}"
    return [hmac.digest(key, owner.encode(), "sha256").hex() for key in _keys(app_state().keyring.signing_keys())]


def _visitor() -> str:
    """Return the visitor cookie, which is set if there is none yet."""
    if "visitor" not in g:
        g.visitor = cookies.get(cookies.VISITOR)
        if not g.visitor:
            g.visitor = secrets.token_urlsafe(32)
            cookies.set_later(cookies.VISITOR, g.visitor)
    return str(g.visitor)


# Deriving a key takes longer than the HMAC.
@lru_cache(maxsize=8)
def _keys(signing_keys: tuple[str, ...]) -> list[bytes]:
    return [derive(key, "csrf") for key in signing_keys]
