"""Errors become pages here, and nowhere else."""

import math
from dataclasses import dataclass

import structlog
from blinker import Signal
from flask import Flask, Response, current_app, g, make_response, render_template, request
from flask.globals import request_ctx
from flask_babel import lazy_gettext as _
from flask_babel import ngettext
from flask_babel.speaklater import LazyString
from werkzeug import exceptions as http

from webapp.core.database import DATABASE_UNAVAILABLE
from webapp.core.errors import Forbidden, NotFound, Overloaded, SetInFile, TooManyRequests
from webapp.core.keys.keyring import SecretKeyMissing
from webapp.web.access import current_user
from webapp.web.csrf import InvalidCsrfToken
from webapp.web.problems import Problem, is_api_request, problem_response

# Minutes; longer times are given in hours.
MAX_MINUTES = 120

log = structlog.get_logger(__name__)

# Sent with `ip_address` and `endpoint` when a rate limit refuses a request.
request_throttled = Signal()


@dataclass(frozen=True)
class ErrorPage:
    """The page for one kind of error."""

    status: int
    title: LazyString
    text: LazyString


FAILED = _("That didn't work")
FORBIDDEN = ErrorPage(403, _("Administrators only"), _("Your account doesn't have access to this page."))
NOT_FOUND = ErrorPage(404, _("Page not found"), _("This page doesn't exist, or has been removed."))
UNAVAILABLE = ErrorPage(
    503,
    _("Temporarily unavailable"),
    _("Mailroom's database isn't responding. Nothing was changed. Please try again in a minute."),
)
# By class; a subclass without a page of its own has its parent's.
PAGES: dict[type[BaseException], ErrorPage] = {
    InvalidCsrfToken: ErrorPage(
        400,
        _("This page has expired"),
        _("The page was open too long, so nothing was changed. Go back, reload the page and try again."),
    ),
    Forbidden: FORBIDDEN,
    SetInFile: ErrorPage(
        409,
        _("Set in the settings file"),
        _("The settings file sets this, so it can't be changed here. Nothing was changed. Change it in the file."),
    ),
    http.Forbidden: FORBIDDEN,
    NotFound: NOT_FOUND,
    http.NotFound: NOT_FOUND,
    http.MethodNotAllowed: ErrorPage(
        405, FAILED, _("This page can't be opened this way. Go back and use the buttons on the page.")
    ),
    http.RequestEntityTooLarge: ErrorPage(
        413,
        _("Form too large"),
        _("The form was larger than Mailroom accepts. Shorten the text and submit it again."),
    ),
    Overloaded: ErrorPage(
        503,
        _("Very busy"),
        _("Mailroom is very busy at the moment. Nothing was changed. Please try again in a minute."),
    ),
    SecretKeyMissing: ErrorPage(
        503,
        _("Temporarily unavailable"),
        _(
            "Mailroom can't unlock its encryption keys, so nothing was saved. The reason is in "
            "Mailroom's log on the server."
        ),
    ),
    Exception: ErrorPage(
        500,
        _("Something went wrong on our side"),
        _("The error has been logged. It wasn't caused by anything you entered. Please try again."),
    ),
}


def init_app(app: Flask) -> None:
    """Handle all errors."""
    app.register_error_handler(Exception, _handle_error)
    app.register_error_handler(http.HTTPException, handle_http_error)
    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(TooManyRequests, _handle_too_many_requests)
    for error in DATABASE_UNAVAILABLE:
        app.register_error_handler(error, _handle_database_unavailable)


def is_database_unavailable() -> bool:
    """Return whether the database has failed within this request, so that its error page does not ask it again."""
    return bool(g.get("database_unavailable"))


def retry_text(error: TooManyRequests) -> str:
    """Say when to try again."""
    minutes = math.ceil(error.retry_after / 60)
    if minutes > MAX_MINUTES:
        return ngettext(
            "Too many attempts. Try again in %(num)s hour.",
            "Too many attempts. Try again in %(num)s hours.",
            math.ceil(minutes / 60),
        )
    return ngettext(
        "Too many attempts. Try again in %(num)s minute.",
        "Too many attempts. Try again in %(num)s minutes.",
        minutes,
    )


def too_many_requests(error: TooManyRequests, page: str | Response) -> Response:
    """Answer a throttled request with this page."""
    if not error.is_audited:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        request_throttled.send(app, ip_address=request.remote_addr or "", endpoint=request.endpoint or "")
    response = make_response(page, 429)
    response.headers["Retry-After"] = str(error.retry_after)
    return response


def _handle_error(error: Exception) -> Response:
    page = next(PAGES[cls] for cls in type(error).__mro__ if cls in PAGES)
    if page.status >= 500:
        # Many at once would fill the log with stacks that say nothing new.
        stack = None if isinstance(error, Overloaded) else error
        log.error("request failed", endpoint=request.endpoint, method=request.method, exc_info=stack)
    return _render(page.status, page.title, page.text)


def handle_http_error(error: http.HTTPException) -> Response | http.HTTPException:
    """Answer with the page for an error of HTTP; redirects stay what they are."""
    if error.code is None or error.code < 400:
        return error
    page = PAGES.get(type(error))
    response = _render(error.code, page.title, page.text) if page else _render(error.code, FAILED, error.description)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers.setdefault(name, value)
    return response


def _handle_too_many_requests(error: TooManyRequests) -> Response:
    return too_many_requests(error, _render(429, _("Too many attempts"), retry_text(error)))


def _handle_database_unavailable(error: Exception) -> Response:
    # The database does not respond, or not in time: the transaction is undone.
    g.database_unavailable = True
    log.error(
        "database unavailable", endpoint=request.endpoint, method=request.method, error=str(error.__cause__ or error)
    )
    return _render(UNAVAILABLE.status, UNAVAILABLE.title, UNAVAILABLE.text)


def _render(status: int, title: object, text: object) -> Response:
    if is_api_request():
        return problem_response(Problem(status))
    headers = {"Retry-After": "60"} if status == UNAVAILABLE.status else {}
    # Wording the error asks for the user's language, and the page for the settings: the database may be away.
    try:
        # A page needs URLs, which cannot be built for a request with an invalid host.
        if not _wants_page() or request_ctx.url_adapter is None:
            return Response(f"{title}\n{text}\n", status, headers, mimetype="text/plain")
        # Without the database, nobody can be told from a visitor.
        keeps_navigation = not is_database_unavailable() and current_user.is_authenticated
        page = render_template("web/error.html", title=title, text=text, keeps_navigation=keeps_navigation)
        return make_response(page, status, headers)
    except DATABASE_UNAVAILABLE as error:
        return _handle_database_unavailable(error)


def _wants_page() -> bool:
    """Return whether a person will read the answer, rather than a script or an image; a page shows flashed messages."""
    accepted = request.accept_mimetypes
    destination = request.headers.get("Sec-Fetch-Dest", "document")
    return destination in ("document", "iframe") and (not accepted or accepted.accept_html)
