"""The languages that pages and mails are written in, and which one somebody reads."""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Literal

import structlog
from babel import Locale
from flask import Blueprint, Flask, Response, g, has_request_context, make_response, redirect, request, session
from flask_babel import Babel, Domain, force_locale, get_locale, get_translations
from flask_login import current_user
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header
from werkzeug.utils import cached_property

from webapp.accounts.sessions.browser import SIGN_IN
from webapp.core.errors import NotFound
from webapp.web.access import safe_next
from webapp.web.cookies import cookie_name

COOKIE = "mailroom_language"
COOKIE_LIFETIME = timedelta(days=365)
# Browsers send a handful of languages; a header that goes on and on is not read to its end.
LONGEST_HEADER = 500
# They keep what stands between them in its own direction: FIRST STRONG ISOLATE, POP DIRECTIONAL ISOLATE (UAX #9).
ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"

# Days and numbers with hyphens, and how addresses begin: examples in our own sentences. Whole addresses are left
# alone, as people copy them, and the signs with them.
NO_LANGUAGE = re.compile(r"\bhttps?://(?!\w)|\b[0-9a-f]+(?:-[0-9a-f]+){2,}\b")

# The headers that choose the language, and that say who is signed in.
DEPENDS_ON = ("Accept-Language", "Cookie")

log = structlog.get_logger(__name__)
blueprint = Blueprint("languages", __name__)


@dataclass(frozen=True)
class Language:
    """One language: its code (BCP 47), its own name for itself, its direction, and the region that formats are of."""

    code: str
    name: str
    direction: Literal["ltr", "rtl"] = "ltr"
    region: str = ""

    @property
    def locale(self) -> str:
        """As Babel names it."""
        return f"{self.code}_{self.region}" if self.region else self.code


# The first one is what the texts in the code are in. It is the language of those whose own is not known.
LANGUAGES = {
    one.code: one
    for one in (
        # Of its regions the one that writes days and hours as most of the world does.
        Language("en", "English", region="GB"),
        Language("de", "Deutsch"),
        Language("fr", "Français"),
        Language("es", "Español"),
        Language("uk", "Українська"),
        Language("ar", "العربية", "rtl"),
    )
}
DEFAULT = next(iter(LANGUAGES))
DEFAULT_LOCALE = LANGUAGES[DEFAULT].locale


class Sentences(Domain):
    """Flask-Babel's translations, which keep what is no language apart from a right-to-left sentence around it."""

    def gettext(self, string: str, **facts: Any) -> str:
        """The sentence in the present language."""
        sentence = isolate_technical_terms(self.get_translations().ugettext(string))
        return sentence % isolate(facts) if facts else sentence

    def ngettext(self, singular: str, plural: str, num: float, **facts: Any) -> str:
        """The sentence for this number in the present language."""
        return isolate_technical_terms(self.get_translations().ungettext(singular, plural, num)) % isolate(
            {"num": num, **facts}
        )


class Translations(Babel):
    """Flask-Babel with our way to fill sentences in, in Python and in templates alike."""

    @cached_property
    def domain_instance(self) -> Sentences:
        """Where Flask-Babel's functions look texts up."""
        return Sentences(domain=self.domain)


def init_app(app: Flask) -> None:
    """Have every page in the language of whoever reads it."""
    # Parsed once: Babel would look at the name for as long as the page takes to be drawn.
    locales = {code: Locale.parse(one.locale) for code, one in LANGUAGES.items()}
    Translations(app, default_locale=DEFAULT_LOCALE, locale_selector=lambda: locales[selected()])
    app.jinja_env.globals.update(gettext=_gettext, ngettext=_ngettext)
    app.jinja_env.filters.update(bdi=bdi, strong=strong)
    app.add_template_global(current, "language")
    app.add_template_global(offered, "offered_languages")
    app.register_blueprint(blueprint)
    app.after_request(_named)


def current() -> Language:
    """The language of this page or mail."""
    locale = get_locale()
    return LANGUAGES[locale.language if locale else DEFAULT]


def use_language(code: str | None) -> AbstractContextManager[None]:
    """Go on in the language with this code for a while; in English if it is none of ours."""
    return force_locale(LANGUAGES.get(code or "", LANGUAGES[DEFAULT]).locale)


def selected() -> str:
    """The code of the language to answer in: the person's, this browser's choice, what it accepts, English."""
    if not has_request_context():
        return DEFAULT
    g.own_language = _of_the_person()
    return (
        g.own_language
        or chosen_language()
        or accepted_language(request.headers.get("Accept-Language", "")[:LONGEST_HEADER])
        or DEFAULT
    )


def offered() -> Mapping[str, Language]:
    """What a page offers to choose from: nothing to a person whose own language it is in."""
    return {} if current().code == g.get("own_language") else LANGUAGES


def chosen_language() -> str:
    """The code that was chosen in this browser, empty if none was."""
    code = request.cookies.get(cookie_name(COOKIE), "")
    return code if code in LANGUAGES else ""


@lru_cache(maxsize=256)
def accepted_language(header: str) -> str:
    """The code that a browser would rather have, empty if there is none that it wants.

    Kept for the headers that come most: reading one takes longer than all else that is asked here.
    """
    wanted = parse_accept_header(header, LanguageAccept)
    codes = (tag.replace("_", "-").partition("-")[0].lower() for tag, quality in wanted if quality > 0)
    return next((code for code in codes if code in LANGUAGES), "")


@blueprint.post("/language")
def choose() -> Response:
    """Keep a language for this browser, and go back to where it was chosen."""
    code = request.form.get("language", "")
    if code not in LANGUAGES:
        raise NotFound
    response = make_response(redirect(safe_next(request.form.get("next"))))
    response.set_cookie(
        cookie_name(COOKIE), code, max_age=COOKIE_LIFETIME, secure=request.is_secure, httponly=True, samesite="Lax"
    )
    return response


def isolate(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is filled into a sentence. Texts are isolated in a right-to-left one, or signs at their ends would jump."""
    if current().direction == "ltr":
        return dict(facts)
    return {name: f"{ISOLATE}{one}{END_OF_ISOLATE}" if _jumps(one) else one for name, one in facts.items()}


def isolate_technical_terms(sentence: str) -> str:
    """A sentence of ours. What stands in it and is no language is isolated in a right-to-left one, too."""
    if not NO_LANGUAGE.search(sentence) or current().direction == "ltr":
        return sentence
    return NO_LANGUAGE.sub(f"{ISOLATE}\\g<0>{END_OF_ISOLATE}", sentence)


def without_isolates(text: str) -> str:
    """The text as headers take it."""
    return text.replace(ISOLATE, "").replace(END_OF_ISOLATE, "")


def bdi(value: str) -> Markup:
    """Filter: a name or an address, kept apart from the direction of the sentence around it."""
    return Markup("<bdi>{}</bdi>").format(value)


def strong(value: str) -> Markup:
    """Filter: the same, and what the sentence is about."""
    return Markup("<strong><bdi>{}</bdi></strong>").format(value)


def _jumps(fact: Any) -> bool:
    # Markup brings its own `bdi`. Mail programs would take the sign after an address for a part of the link.
    return type(fact) is str and not fact.startswith(("https://", "http://"))


def _of_the_person() -> str:
    # Asking Flask-Login takes a while, and most who are not signed in need not be asked about.
    if SIGN_IN not in session:
        return ""
    try:
        code = getattr(current_user, "language", None) or ""
    except Exception:
        # The page that tells of a failure comes here too, and the database may be what failed.
        log.exception("the person's language cannot be read")
        return ""
    return code if code in LANGUAGES else ""


def _named(response: Response) -> Response:
    """Say in which language a page is, and what that depends on."""
    if response.mimetype == "text/html" and not 300 <= response.status_code < 400:
        response.headers.setdefault("Content-Language", current().code)
        if "Vary" in response.headers:
            response.vary.update(DEPENDS_ON)
        else:
            response.headers["Vary"] = ", ".join(DEPENDS_ON)
    return response


@pass_eval_context
def _gettext(context: EvalContext, text: str, **facts: Any) -> str:
    """As Jinja's own, `%` is always filled in and Markup stays as it is."""
    return _filled(context, isolate_technical_terms(get_translations().ugettext(text)), facts)


@pass_eval_context
def _ngettext(context: EvalContext, singular: str, plural: str, num: int, **facts: Any) -> str:
    return _filled(
        context, isolate_technical_terms(get_translations().ungettext(singular, plural, num)), {"num": num, **facts}
    )


def _filled(context: EvalContext, text: str, facts: Mapping[str, Any]) -> str:
    if not facts and "%" not in text:
        # Most sentences: there is nothing to fill in.
        return Markup(text) if context.autoescape else text  # noqa: S704 -- our own sentence
    template: str = Markup(text) if context.autoescape else text  # noqa: S704 -- our own sentence, facts are escaped
    return template % isolate(facts)
