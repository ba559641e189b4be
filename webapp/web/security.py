"""What protects every request and response: headers and limits on size. See also `csrf` and `cookies`."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from webapp.core.config import MAX_REQUEST_SIZE, MAX_UPLOAD_SIZE, Config
from webapp.web.forwarded import TrustedProxies
from webapp.web.problems import API_PREFIX, Problem, is_api_request, problem_body
from webapp.web.problems import MEDIA_TYPE as PROBLEM_TYPE

View = TypeVar("View", bound=Callable[..., Any])

# No form has a tenth as many; Werkzeug only counts them in `multipart/form-data`.
MAX_FORM_FIELDS = 1000
CONTENT_SECURITY_POLICY = "; ".join((
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
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)


_accept_uploads: set[Callable[..., Any]] = set()


def init_app(app: Flask, config: Config) -> None:
    """Add the headers and limits, and trust the configured proxies."""
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_REQUEST_SIZE,
        MAX_FORM_MEMORY_SIZE=MAX_REQUEST_SIZE,
    )
    app.before_request(_allow_uploads)
    app.before_request(_count_fields)
    app.after_request(_headers)
    if config.proxy_networks:
        app.wsgi_app = TrustedProxies(app.wsgi_app, config.proxy_networks)  # type: ignore[method-assign]


def accepts_uploads(view: View) -> View:
    """Let the form of this view be as large as MAX_UPLOAD_SIZE. It must not be public, or see to that itself."""
    _accept_uploads.add(view)
    return view


def upload_paths(app: Flask) -> frozenset[str]:
    """Return the paths of the views that accept uploads."""
    rules = app.url_map.iter_rules()
    return frozenset(rule.rule for rule in rules if app.view_functions.get(rule.endpoint) in _accept_uploads)


def _allow_uploads() -> None:
    # Strangers have been turned away before; the API allows more once it knows who asks.
    if (
        request.endpoint
        and not is_api_request()
        and current_app.view_functions.get(request.endpoint) in _accept_uploads
    ):
        request.max_content_length = request.max_form_memory_size = MAX_UPLOAD_SIZE


def _count_fields() -> None:
    """Reject a form with very many fields before it is parsed, which takes time for each."""
    if request.mimetype == "application/x-www-form-urlencoded" and request.get_data().count(b"&") >= MAX_FORM_FIELDS:
        raise RequestEntityTooLarge


def _headers(response: Response) -> Response:
    # Asking the response for each name would take most of the time.
    present = {name for name, _value in response.headers}
    response.headers.extend([header for header in HEADERS if header[0] not in present])
    if "Cache-Control" not in present and request.endpoint not in ("static", "bootstrap.static"):
        response.headers.add("Cache-Control", "no-store")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    return response


def refusal(path: str, status: int, text: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the body and the headers of a refusal that the web server gives without asking the application.

    It is this text for pages, and a problem for the API.
    """
    is_api = path.startswith(API_PREFIX)
    body = problem_body(Problem(status)) if is_api else text
    headers = [
        *HEADERS,
        ("Content-Type", PROBLEM_TYPE if is_api else "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    return body, headers


def image_policy(response: Response) -> Response:
    """Let an SVG of ours use the style sheet inside of it, also where it is opened by itself."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    )
    return response


def allow_own_frames(response: Response) -> Response:
    """Let this page show others of ours in frames, such as an email."""
    response.headers["Content-Security-Policy"] = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
    return response


def allow_form_targets(response: Response, targets: Sequence[str]) -> Response:
    """Let forms of this page lead to these CSP sources, too.

    Browsers apply a page's policy to every redirect after its forms, including those of a provider's sign-in pages.
    """
    if targets:
        more = " ".join(["form-action 'self'", *targets])
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.replace("form-action 'self'", more)
    return response


def email_preview_policy(response: Response, sandbox: str = "sandbox") -> Response:
    """Make the response an email's HTML in a frame of ours, which may use styles but no scripts, images or forms.

    `sandbox` is CSP's directive of this name, which also applies where the email is opened outside of the frame.
    """
    response.headers["Content-Security-Policy"] = f"{EMAIL_POLICY}; {sandbox}"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    # A sandboxed page with the usual value would not open outside of the frame.
    response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response
