"""What protects every answer: headers, cookies, CSRF, limits on size, and whom to believe about the client."""

import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from flask import Flask, Request, Response, current_app, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_wtf import CSRFProtect
from itsdangerous import URLSafeTimedSerializer
from werkzeug.exceptions import RequestEntityTooLarge

from webapp.config import Config, Network
from webapp.keys.ring import Keyring
from webapp.sealing import derive

# All fields of a page at their longest, several times over, so that what is pasted by mistake still comes back with
# a message beside the field. A form of some megabytes of `%41` keeps a core busy for a second before it is refused.
LARGEST_FROM_STRANGERS = 256 * 1024
# From whoever is signed in: such a form once more, sealed, while the password is asked for again.
LARGEST_REQUEST = 2 * LARGEST_FROM_STRANGERS
# No form has a tenth as many; werkzeug itself counts them in `multipart/form-data` alone.
MOST_FIELDS = 1000
# Browsers keep none for longer (RFC 6265bis, 5.6.1). How long a sign-in lasts, its row in the database says.
OLDEST_COOKIE = timedelta(days=400)
# In a session that outlives the browser's closing: its end, in seconds since 1970.
KEPT_UNTIL = "kept_until"
POLICY = "; ".join((
    "default-src 'none'",
    "object-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
))  # fmt: skip
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
# An address with a port, as some proxies write it; RFC 7239, 6, has brackets around IPv6.
WITH_PORT = re.compile(r"\[([^\]]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+")
HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    # Not `no-referrer`: over https, a form's own Referer is part of the CSRF check.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)

View = TypeVar("View", bound=Callable[..., Any])


class Csrf(CSRFProtect):
    """Flask-WTF's protection, on for every view that is not exempt because its own form checks."""

    def protect(self, apply_exemptions: bool = False) -> None:
        """Check the token of a request that may change something; first of all, as most requests do not."""
        if request.method in current_app.config["WTF_CSRF_METHODS"]:
            super().protect(apply_exemptions)

    def exempt(self, view: View) -> View:
        """Leave the check to the form that the view validates, so that it can come back with what was typed."""
        super().exempt(view)
        return view


csrf = Csrf()


def protect(app: Flask, config: Config, keyring: Keyring) -> None:
    """Set all of it up. Views whose own form answers a stale token are exempted with `csrf.exempt`."""
    app.config.update(
        SESSION_COOKIE_NAME="mailroom",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=OLDEST_COOKIE,
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        MAX_FORM_MEMORY_SIZE=LARGEST_REQUEST,
        # The token lives as long as the session; an hour at lunch loses no typing.
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.before_request(_count_fields)
    csrf.init_app(app)
    app.after_request(_headers)
    if config.proxy_networks:
        app.wsgi_app = TrustedProxies(app.wsgi_app, config.proxy_networks)  # type: ignore[method-assign]
    app.session_interface = SessionInterface(keyring)
    _sign_with(app, tuple(config.secret_keys))


def _count_fields() -> None:
    """Refuse a form of very many fields before it is read: the time for it grows with their number."""
    if request.mimetype == "application/x-www-form-urlencoded" and request.get_data().count(b"&") >= MOST_FIELDS:
        raise RequestEntityTooLarge


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
            self._keyring.reread()
        _sign_with(app, self._keyring.signing())
        session = super().open_session(app, request)
        if not session and self.get_cookie_name(app) in request.cookies and self._keyring.reread():
            _sign_with(app, self._keyring.signing())
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
        until = session.get(KEPT_UNTIL)
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


def _headers(response: Response) -> Response:
    # One look at what a view has set of these itself: asking for each is most of the cost.
    present = {name for name, _value in response.headers}
    response.headers.extend([header for header in HEADERS if header[0] not in present])
    if "Cache-Control" not in present and request.endpoint not in ("static", "bootstrap.static"):
        response.headers.add("Cache-Control", "no-store")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    return response


def framing(response: Response) -> Response:
    """Let this page frame others of ours, such as a mail."""
    response.headers["Content-Security-Policy"] = f"{POLICY}; frame-src 'self'"
    return response


def leading_on(response: Response, targets: Sequence[str]) -> Response:
    """Let forms of this page end at other addresses, too.

    Browsers hold every redirect that follows a form against its page's policy, also those that a
    provider makes on the way to its sign-in page. `targets` are sources as in CSP.
    """
    if targets:
        more = " ".join(["form-action 'self'", *targets])
        response.headers["Content-Security-Policy"] = POLICY.replace("form-action 'self'", more)
    return response


def framed_mail(response: Response, sandbox: str = "sandbox") -> Response:
    """Have this answer show a mail's HTML in a page of ours: it may style itself, but neither run, load nor send.

    `sandbox` is the directive of this name: what it may do besides, also where it is opened by itself.
    """
    response.headers["Content-Security-Policy"] = f"{MAIL_POLICY}; {sandbox}"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    # A sandboxed page with this header would not open by itself.
    response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response


class TrustedProxies:
    """WSGI middleware: believes X-Forwarded-For, -Proto and -Host from the configured networks alone.

    Werkzeug's ProxyFix counts hops and believes whoever connects; here the address that
    connects decides. The client is the last address in the chain that is no proxy of ours.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], networks: Sequence[Network]) -> None:
        self.app = app
        self.networks = networks

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Rewrite the environment, or leave it alone."""
        if self._trusts(environ.get("REMOTE_ADDR", "")):
            chain = [part.strip() for part in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
            while len(chain) > 1 and self._trusts(chain[-1]):
                chain.pop()
            if chain and (client := _parsed(chain[-1])):
                environ["REMOTE_ADDR"] = str(client)
            scheme = _last(environ, "HTTP_X_FORWARDED_PROTO")
            if scheme in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme
            if host := _last(environ, "HTTP_X_FORWARDED_HOST"):
                environ["HTTP_HOST"] = host
        return self.app(environ, start_response)

    def _trusts(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self.networks)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address without its port; an IPv4 one also when it comes written as IPv6, as sockets that take both do."""
    found = WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address((found[1] or found[2]) if found else text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _last(environ: dict[str, Any], name: str) -> str:
    return str(environ.get(name, "")).rpartition(",")[2].strip()
