"""What all pages share: the names in every template, and failures turned into pages."""

import hashlib
import math
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import structlog
from blinker import Signal
from flask import Flask, Response, current_app, g, make_response, render_template, request, url_for
from flask.globals import request_ctx
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_bootstrap import Bootstrap5
from flask_login import AnonymousUserMixin
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from webapp.core import formatting, i18n
from webapp.core.app_state import app_state
from webapp.core.errors import Forbidden, NotFound, TooManyRequests
from webapp.core.keys.keyring import SecretKeyMissing
from webapp.settings import service as settings
from webapp.web import client as devices

# Minutes; a longer time is told in hours.
LONG = 120
# SQLAlchemy's words for it, and the drivers' own where it is passed by: see Database.glance.
DATABASE_UNAVAILABLE = (
    OperationalError,
    InterfaceError,
    PoolTimeout,
    sqlite3.OperationalError,
    psycopg.OperationalError,
)

log = structlog.get_logger(__name__)

# Sent by the application, outside of any transaction, with `ip_address` and `endpoint`.
request_throttled = Signal()


def init_app(app: Flask) -> None:
    """Set the shared parts of all pages up."""
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = timedelta(days=365)
    Bootstrap5(app)
    i18n.init_app(app)
    app.jinja_env.filters.update(formatting.FILTERS)
    app.add_template_global(Assets(app), "asset")
    app.add_template_filter(devices.describe, "device_in_words")
    app.context_processor(_names)
    app.register_error_handler(CSRFError, _stale)
    app.register_error_handler(TooManyRequests, _too_many)
    app.register_error_handler(NotFound, _not_found)
    app.register_error_handler(Forbidden, _not_allowed)
    app.register_error_handler(HTTPException, _http_error)
    for away in DATABASE_UNAVAILABLE:
        app.register_error_handler(away, _database_unavailable)
    app.register_error_handler(SecretKeyMissing, _keyless)
    app.register_error_handler(Exception, _unexpected)


class Assets:
    """Addresses of static files, each worked out once. They change with the file, so browsers may keep them."""

    def __init__(self, app: Flask) -> None:
        self._folders = {"static": app.static_folder, **{n: b.static_folder for n, b in app.blueprints.items()}}
        self._addresses: dict[tuple[str, str], str] = {}

    def __call__(self, name: str, endpoint: str = "static") -> str:
        """The address of this file of the application, or of the blueprint that has the endpoint."""
        if (name, endpoint) not in self._addresses:
            folder = self._folders[endpoint.partition(".")[0]]
            version = hashlib.sha256(Path(folder or "", name).read_bytes()).hexdigest()[:12]
            self._addresses[name, endpoint] = url_for(endpoint, filename=name, v=version)
        return self._addresses[name, endpoint]


def general() -> settings.General:
    """The general settings for a page, also while they cannot be read."""
    config = app_state().config
    try:
        return settings.general_at_a_glance(app_state().database, config)
    except Exception:
        # The page that tells of a failure comes here too, and the database may be what failed.
        log.exception("general settings cannot be read")
        return settings.General(config.public_url, "Mailroom", "")


def _names() -> dict[str, Any]:
    return {"general": general(), "demo": app_state().config.demo == "on"}


def _wants_page() -> bool:
    """Whether somebody will read it: not a script, nor what looks for pictures. A page takes the message that waits."""
    wanted = request.accept_mimetypes
    into = request.headers.get("Sec-Fetch-Dest", "document")
    return into in ("document", "iframe") and (not wanted or wanted.accept_html)


def _page(status: int, title: str, text: str, **facts: Any) -> Response:
    # Nor can a page be made for a request that names a host which is none: it needs addresses.
    if not _wants_page() or request_ctx.url_adapter is None:
        return Response(f"{title}\n{text}\n", status, mimetype="text/plain")
    try:
        return make_response(render_template("web/error.html", title=title, text=text, **facts), status)
    except DATABASE_UNAVAILABLE as error:
        # Who is signed in had not been looked up yet.
        return _database_unavailable(error)


def _stale(error: CSRFError) -> Response:
    return _page(
        400,
        _("This page has expired"),
        _("The page was open too long, so nothing was changed. Go back, reload the page and try again."),
    )


def retry_text(error: TooManyRequests) -> str:
    """When to try again, in words."""
    minutes = math.ceil(error.retry_after / 60)
    if minutes > LONG:
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
    """The answer to what was asked too often: a page that says when to try again."""
    if not error.is_audited:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        request_throttled.send(app, ip_address=request.remote_addr or "", endpoint=request.endpoint or "")
    response = make_response(page, 429)
    response.headers["Retry-After"] = str(error.retry_after)
    return response


def _too_many(error: TooManyRequests) -> Response:
    return too_many_requests(error, _page(429, _("Too many attempts"), retry_text(error)))


def _not_found(error: NotFound) -> Response:
    return _page(404, _("Page not found"), _("This page doesn't exist, or has been removed."))


def _not_allowed(error: Forbidden) -> Response:
    return _page(403, _("Administrators only"), str(error))


def _http_error(error: HTTPException) -> Response | HTTPException:
    texts = {
        403: (_("Administrators only"), _("Your account doesn't have access to this page.")),
        404: (_("Page not found"), _("This page doesn't exist, or has been removed.")),
        405: (_("That didn't work"), _("This page can't be opened this way. Go back and use the buttons on the page.")),
        413: (
            _("Form too large"),
            _("The form was larger than Mailroom accepts. Shorten the text and submit it again."),
        ),
    }
    if error.code is None or error.code < 400:
        return error
    title, text = texts.get(error.code, (_("That didn't work"), error.description or ""))
    response = _page(error.code, title, text)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers.setdefault(name, value)
    return response


def _database_unavailable(error: Exception) -> Response:
    """The database does not answer, or not in time: nothing of the transaction was done."""
    log.error(
        "database unavailable", endpoint=request.endpoint, method=request.method, error=str(error.__cause__ or error)
    )
    # Who is signed in cannot be looked up, and the page shall not try.
    g._login_user = AnonymousUserMixin()
    response = _page(
        503,
        _("Temporarily unavailable"),
        _("Mailroom's database isn't responding. Nothing was changed. Please try again in a minute."),
    )
    response.headers["Retry-After"] = "60"
    return response


def _keyless(error: SecretKeyMissing) -> Response:
    log.error("nothing can be sealed", endpoint=request.endpoint, error=str(error))
    return _page(
        503,
        _("Temporarily unavailable"),
        _(
            "Mailroom can't unlock its encryption keys, so nothing was saved. The reason is in "
            "Mailroom's log on the server."
        ),
    )


def _unexpected(error: Exception) -> Response:
    log.exception("request failed", endpoint=request.endpoint, method=request.method)
    return _page(
        500,
        _("Something went wrong on our side"),
        _("The error has been logged. It wasn't caused by anything you entered. Please try again."),
    )
