"""What protects every request and response: headers and limits on size. See also `csrf` and `cookies`."""

from collections.abc import Sequence

from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from webapp.core.config import MAX_REQUEST_SIZE, Config
from webapp.web.forwarded import TrustedProxies

# No form has a tenth as many; werkzeug itself counts them in `multipart/form-data` alone.
MAX_FORM_FIELDS = 1000
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
EMAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)


def init_app(app: Flask, config: Config) -> None:
    """Add the headers and limits, and believe the trusted proxies."""
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_REQUEST_SIZE,
        MAX_FORM_MEMORY_SIZE=MAX_REQUEST_SIZE,
    )
    app.before_request(_count_fields)
    app.after_request(_headers)
    if config.proxy_networks:
        app.wsgi_app = TrustedProxies(app.wsgi_app, config.proxy_networks)  # type: ignore[method-assign]


def _count_fields() -> None:
    """Refuse a form of very many fields before it is read: the time for it grows with their number."""
    if request.mimetype == "application/x-www-form-urlencoded" and request.get_data().count(b"&") >= MAX_FORM_FIELDS:
        raise RequestEntityTooLarge


def _headers(response: Response) -> Response:
    # One look at what a view has set of these itself: asking for each is most of the cost.
    present = {name for name, _value in response.headers}
    response.headers.extend([header for header in HEADERS if header[0] not in present])
    if "Cache-Control" not in present and request.endpoint not in ("static", "bootstrap.static"):
        response.headers.add("Cache-Control", "no-store")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    return response


def allow_own_frames(response: Response) -> Response:
    """Let this page frame others of ours, such as a mail."""
    response.headers["Content-Security-Policy"] = f"{POLICY}; frame-src 'self'"
    return response


def allow_form_targets(response: Response, targets: Sequence[str]) -> Response:
    """Let forms of this page end at other addresses, too.

    Browsers hold every redirect that follows a form against its page's policy, also those that a
    provider makes on the way to its sign-in page. `targets` are sources as in CSP.
    """
    if targets:
        more = " ".join(["form-action 'self'", *targets])
        response.headers["Content-Security-Policy"] = POLICY.replace("form-action 'self'", more)
    return response


def email_preview_policy(response: Response, sandbox: str = "sandbox") -> Response:
    """Have this answer show a mail's HTML in a page of ours: it may style itself, but neither run, load nor send.

    `sandbox` is the directive of this name: what it may do besides, also where it is opened by itself.
    """
    response.headers["Content-Security-Policy"] = f"{EMAIL_POLICY}; {sandbox}"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    # A sandboxed page with this header would not open by itself.
    response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response
