"""Cookies: what they are called, how long they last, and the keys that sign the session in one of them."""

import hashlib
from datetime import UTC, datetime
from functools import lru_cache

from flask import Flask, Request, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from itsdangerous import URLSafeTimedSerializer

from webapp.core.config import MAX_COOKIE_AGE, Config
from webapp.core.keys.keyring import Keyring
from webapp.core.sealing import derive

# In a session that outlives the browser's closing: its end, in seconds since 1970.
PERSISTENT_UNTIL = "kept_until"


def init_app(app: Flask, config: Config, keyring: Keyring) -> None:
    """Keep sessions in a cookie that is signed with the key in force."""
    app.config.update(
        SESSION_COOKIE_NAME="mailroom",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=MAX_COOKIE_AGE,
    )
    app.session_interface = SessionInterface(keyring)
    _sign_with(app, tuple(config.secret_keys))


def cookie_name(name: str) -> str:
    """The name of a cookie: over https one that no other host, and no page without encryption, can set.

    See RFC 6265bis, 4.1.3.2: browsers take a cookie of this prefix only if it is Secure and for this host alone.
    """
    return f"__Host-{name}" if request.is_secure else name


class SessionInterface(SecureCookieSessionInterface):
    """Cookies signed with the key in force, and Secure whenever the browser came by https."""

    digest_method = staticmethod(hashlib.sha256)

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._made: tuple[list[str], URLSafeTimedSerializer | None] = ([], None)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The browser's session, also when another process signed it with a key that is new to this one."""
        # What a form carries may be signed with a new key, too, whatever the cookie is signed with.
        if request.method not in ("GET", "HEAD"):
            self._keyring.refresh()
        _sign_with(app, self._keyring.signing_keys())
        session = super().open_session(app, request)
        if not session and self.get_cookie_name(app) in request.cookies and self._keyring.refresh():
            _sign_with(app, self._keyring.signing_keys())
            session = super().open_session(app, request)
        return session

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Flask's, made once for the keys that `_sign_with` set; it would be made twice for each request."""
        keys = app.config["SECRET_KEY_FALLBACKS"]
        made_for, serializer = self._made
        if made_for is not keys:
            serializer = super().get_signing_serializer(app)
            self._made = (keys, serializer)
        return serializer

    def get_cookie_name(self, app: Flask) -> str:
        """The name that this answer's cookie has."""
        return cookie_name(super().get_cookie_name(app))

    def get_expiration_time(self, app: Flask, session: SessionMixin) -> datetime | None:
        """When the browser forgets it; None: when it is closed."""
        until = session.get(PERSISTENT_UNTIL)
        return datetime.fromtimestamp(until, UTC) if until else None

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether this answer's cookie is for https alone."""
        return request.is_secure


@lru_cache(maxsize=8)
def _signing_keys(texts: tuple[str, ...]) -> list[str]:
    """Oldest first, as itsdangerous wants them."""
    return [derive(text, "sessions").hex() for text in reversed(texts)]


def _sign_with(app: Flask, texts: tuple[str, ...]) -> None:
    """Have Flask and Flask-WTF sign with the first of the keys, and take what any of them signed."""
    keys = _signing_keys(texts)
    if app.config.get("WTF_CSRF_SECRET_KEY") is not keys:
        # The newest is a fallback, too, so that a request in between misses none.
        app.config["SECRET_KEY_FALLBACKS"] = app.config["WTF_CSRF_SECRET_KEY"] = keys
        app.config["SECRET_KEY"] = keys[-1]
