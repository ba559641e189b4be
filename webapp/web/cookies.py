"""Cookies: their names and attributes, and the key that signs Flask's session."""

import hashlib
from datetime import datetime
from functools import lru_cache

from flask import Flask, Request, Response, after_this_request, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from webapp.core.config import Config
from webapp.core.keys.keyring import Keyring
from webapp.core.sealing import derive
from webapp.web.problems import API_PREFIX, is_api_request

# The token of the signed-in session: see accounts.sessions.
SESSION = "mailroom_session"
# By which a browser is recognised at the next login: see accounts.sessions.known_devices.
DEVICE = "mailroom_device"
# What the CSRF tokens of visitors are bound to: see web.csrf.
VISITOR = "mailroom_visitor"
# Paths whose pages have no session, besides those of the API: its keys come from the database, which may be why a
# health check is made.
WITHOUT_SESSION = frozenset({"/healthz", "/readyz"})


def init_app(app: Flask, config: Config, keyring: Keyring) -> None:
    """Keep Flask's session in a cookie that is signed with the current key and ends with the browser's session.

    It holds what may be lost: messages for the next page, and the secrets of links that were opened.
    """
    app.config.update(SESSION_COOKIE_NAME="mailroom", SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")
    app.session_interface = SessionInterface(keyring)
    _sign_with(app, tuple(config.secret_keys))


def cookie_name(name: str) -> str:
    """Return the name of a cookie: over https one that no other host, and no page without encryption, can set.

    See RFC 6265bis, 4.1.3.2: browsers take a cookie with this prefix only if it is Secure and for this host alone.
    """
    return f"__Host-{name}" if request.is_secure else name


def get(name: str) -> str:
    """Return the value of a cookie that the browser sent; empty if there is none, and for the API."""
    return "" if is_api_request() else request.cookies.get(cookie_name(name), "")


def set_later(name: str, value: str, expires: datetime | None = None) -> None:
    """Set a cookie with this request's response, out of reach for scripts and other sites.

    Without `expires` it lasts until the browser is closed.
    """

    @after_this_request
    def set_cookie(response: Response) -> Response:
        response.set_cookie(
            cookie_name(name), value, expires=expires, secure=request.is_secure, httponly=True, samesite="Lax"
        )
        return response


def delete_later(name: str) -> None:
    """Delete a cookie with this request's response."""

    @after_this_request
    def delete_cookie(response: Response) -> Response:
        response.delete_cookie(cookie_name(name), secure=request.is_secure, httponly=True, samesite="Lax")
        return response


class SessionInterface(SecureCookieSessionInterface):
    """Cookies signed with the current key, and Secure whenever the browser came by https."""

    digest_method = staticmethod(hashlib.sha256)

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the browser's session, also when another process signed it with a key that is new to this one."""
        if request.path in WITHOUT_SESSION or request.path.startswith(API_PREFIX):
            return self.session_class()
        # The token in a form may be made with a new key, too, whatever the cookie is signed with.
        if request.method not in ("GET", "HEAD"):
            self._keyring.refresh()
        _sign_with(app, self._keyring.signing_keys())
        session = super().open_session(app, request)
        if not session and request.cookies.get(self.get_cookie_name(app)) and self._keyring.refresh():
            _sign_with(app, self._keyring.signing_keys())
            session = super().open_session(app, request)
        return session

    def get_cookie_name(self, app: Flask) -> str:
        """Return the name of this response's cookie."""
        return cookie_name(super().get_cookie_name(app))

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether this response's cookie is for https alone."""
        return request.is_secure


@lru_cache(maxsize=8)
def _signing_keys(secrets: tuple[str, ...]) -> list[str]:
    """Return the keys for cookies, oldest first, as itsdangerous expects them."""
    return [derive(secret, "sessions").hex() for secret in reversed(secrets)]


def _sign_with(app: Flask, secrets: tuple[str, ...]) -> None:
    """Have Flask sign with the first of these keys, and accept what any of them signed."""
    keys = _signing_keys(secrets)
    if app.config.get("SECRET_KEY_FALLBACKS") is not keys:
        # The newest is a fallback, too, so that a request in between misses none.
        app.config["SECRET_KEY_FALLBACKS"] = keys
        app.config["SECRET_KEY"] = keys[-1]
