"""Which language a page is in, and the buttons that choose one."""

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache

from flask import Blueprint, Flask, Response, g, has_request_context, make_response, redirect, request
from flask_babel import refresh
from flask_login import current_user
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from webapp.core import i18n
from webapp.core.errors import NotFound
from webapp.core.i18n import DEFAULT, LANGUAGES, Language, current
from webapp.web.access import safe_next
from webapp.web.cookies import cookie_name
from webapp.web.error_pages import is_database_unavailable
from webapp.web.problems import is_api_request

COOKIE = "mailroom_language"
COOKIE_LIFETIME = timedelta(days=365)
# Browsers send a handful of languages; the rest of a longer header is ignored.
MAX_HEADER_LENGTH = 500
# The request headers that the language and the content of a page depend on.
VARY = "Accept-Language, Cookie"

blueprint = Blueprint("language", __name__)


def init_app(app: Flask) -> None:
    """Have each page in the language of its reader, named in its headers, and let visitors choose one."""
    i18n.init_app(app, select_language)
    app.register_blueprint(blueprint)
    app.add_template_global(offered_languages)
    app.after_request(_set_headers)


@blueprint.post("/language")
def choose() -> Response:
    """Remember a language for this browser, and return to the page it was chosen on."""
    code = request.form.get("language", "")
    if code not in LANGUAGES:
        raise NotFound
    response = make_response(redirect(safe_next(request.form.get("next"))))
    response.set_cookie(
        cookie_name(COOKIE), code, max_age=COOKIE_LIFETIME, secure=request.is_secure, httponly=True, samesite="Lax"
    )
    return response


def select_language() -> str:
    """Return the code of the user's own language, the one chosen in this browser, one it accepts, or English.

    What a page prefers comes before what the browser accepts. The API speaks English.
    """
    if not has_request_context() or is_api_request():
        return DEFAULT
    g.users_language = _users_language()
    return (
        g.users_language
        or _chosen_language()
        or g.get("preferred_language")
        or _accepted_language(request.headers.get("Accept-Language", "")[:MAX_HEADER_LENGTH])
        or DEFAULT
    )


def prefer(code: str | None) -> None:
    """Have the page in this language, if there is one with this code, unless its reader has another or chose one."""
    g.preferred_language = code if code in LANGUAGES else ""
    refresh()


def offered_languages() -> Mapping[str, Language]:
    """Return the languages to choose from; none if the page is in the user's own language."""
    return {} if current().code == g.get("users_language") else LANGUAGES


def _users_language() -> str:
    code = "" if is_database_unavailable() else getattr(current_user, "language", None) or ""
    return code if code in LANGUAGES else ""


def _chosen_language() -> str:
    code = request.cookies.get(cookie_name(COOKIE), "")
    return code if code in LANGUAGES else ""


@lru_cache(maxsize=256)
def _accepted_language(header: str) -> str:
    accepted = parse_accept_header(header, LanguageAccept)
    codes = (tag.replace("_", "-").partition("-")[0].lower() for tag, quality in accepted if quality > 0)
    return next((code for code in codes if code in LANGUAGES), "")


def _set_headers(response: Response) -> Response:
    if response.mimetype == "text/html" and not 300 <= response.status_code < 400:
        response.headers.setdefault("Content-Language", current().code)
        response.headers.setdefault("Vary", VARY)
    return response
