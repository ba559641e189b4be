"""The languages that pages and emails are written in."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

import flask_babel
from babel import Locale
from flask import Flask
from flask_babel import Babel, Domain, force_locale, get_locale
from flask_babel.speaklater import LazyString
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup, escape
from werkzeug.utils import cached_property

# They keep the text between them in its own direction: FIRST STRONG ISOLATE, POP DIRECTIONAL ISOLATE (UAX #9).
ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"

# In menu paths. RIGHT-TO-LEFT MARKs on both sides keep English names from forming one text from left to right.
NEXT_IN_PATH = "\u200f←\u200f"

# Technical examples in translated sentences: numbers with hyphens, such as dates, the start of a URL, and English names
# that begin with a number, such as 2-Step Verification. Whole URLs are left alone: people would copy the invisible
# characters with them.
TECHNICAL_TERM = re.compile(
    r"\bhttps?://(?!\w)|\b[0-9a-f]+(?:-[0-9a-f]+){2,}\b|\b[0-9]+-[A-Z][a-z]+(?: [A-Z][a-z]+)*\b"
)


class _WithValues(LazyString):
    """A text to translate with values in it. Flask-Babel takes its texts for HTML; ours may be, but not the values."""

    def __html__(self) -> str:
        return escape(str(self))


def lazy_gettext(text: str, /, **values: object) -> str:
    """Return a text that is translated when it is shown. Typed as the `str` that it becomes."""
    return cast(str, (_WithValues if values else LazyString)(flask_babel.gettext, text, **values))


@dataclass(frozen=True)
class Language:
    """One language: its code (BCP 47), its own name, its direction, and the region whose formats are used."""

    code: str
    name: str
    direction: Literal["ltr", "rtl"] = "ltr"
    region: str = ""

    @property
    def locale(self) -> str:
        """The name that Babel uses."""
        return f"{self.code}_{self.region}" if self.region else self.code


# The first is the language of the texts in the code, and the default.
LANGUAGES = {
    language.code: language
    for language in (
        # British formats: the date begins with the day, and the clock has 24 hours, as in most countries.
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


class IsolatingDomain(Domain):
    """Flask-Babel's translations, with names and technical terms isolated in right-to-left sentences."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._catalogs: dict[str, Any] = {}

    def gettext(self, string: str, **values: Any) -> str:
        """Translate a text into the current language."""
        language = current()
        return _fill(language, self._catalog(language).ugettext(string), values)

    def ngettext(self, singular: str, plural: str, num: float, **values: Any) -> str:
        """Translate a text that depends on a number."""
        language = current()
        text = self._catalog(language).ungettext(singular, plural, num)
        return _fill(language, text, {"num": num, **values})

    @pass_eval_context
    def gettext_in_template(self, context: EvalContext, string: str, **values: Any) -> str:
        """Translate a text in a template. Like with Jinja's own, `%` is always formatted."""
        language = current()
        return _fill(language, self._catalog(language).ugettext(string), values, context)

    @pass_eval_context
    def ngettext_in_template(self, context: EvalContext, singular: str, plural: str, num: int, **values: Any) -> str:
        """Translate a text that depends on a number in a template."""
        language = current()
        text = self._catalog(language).ungettext(singular, plural, num)
        return _fill(language, text, {"num": num, **values}, context)

    def _catalog(self, language: Language) -> Any:
        # Flask-Babel keeps them too, but takes longer to find them than to translate a text.
        if language.code not in self._catalogs:
            self._catalogs[language.code] = self.get_translations()
        return self._catalogs[language.code]


class IsolatingBabel(Babel):
    """Flask-Babel with that domain, in Python and in templates."""

    @cached_property
    def domain_instance(self) -> IsolatingDomain:
        """Return the domain that Flask-Babel's functions use."""
        return IsolatingDomain()


def init_app(app: Flask, select_language: Callable[[], str]) -> None:
    """Translate pages into the language whose code `select_language` returns for the current request."""
    babel = IsolatingBabel(
        app, default_locale=DEFAULT_LOCALE, locale_selector=lambda: _parsed_locale(select_language())
    )
    gettext, ngettext = babel.domain_instance.gettext_in_template, babel.domain_instance.ngettext_in_template
    app.jinja_env.globals.update(_=gettext, gettext=gettext, ngettext=ngettext)
    app.jinja_env.filters.update(bdi=bdi, breakable=breakable, strong=strong)
    app.add_template_global(current, "language")


def current() -> Language:
    """Return the language of the current page or email."""
    locale = get_locale()
    return LANGUAGES[locale.language if locale else DEFAULT]


def use_language(code: str | None) -> AbstractContextManager[None]:
    """Use the language with this code for a block; English if the code is unknown."""
    return force_locale(_parsed_locale(code if code in LANGUAGES else DEFAULT))


@cache
def _parsed_locale(code: str) -> Locale:
    # Babel would parse the name again each time.
    return Locale.parse(LANGUAGES[code].locale)


class _Values(dict[str, Any]):
    """The values of a text. One that is missing, as after an earlier version or a repair by hand, is an ellipsis."""

    def __missing__(self, name: str) -> str:
        return "…"


def isolate(values: Mapping[str, Any]) -> dict[str, Any]:
    """Isolate values for a right-to-left sentence, where punctuation at their ends would jump to the other side."""
    if current().direction == "ltr":
        return _Values(values)
    return _Values(
        {
            name: f"{ISOLATE}{value}{END_OF_ISOLATE}" if _needs_isolation(value) else value
            for name, value in values.items()
        }
    )


def without_isolates(text: str) -> str:
    """Remove the isolating characters, for email headers."""
    return text.replace(ISOLATE, "").replace(END_OF_ISOLATE, "")


def bdi(value: str) -> Markup:
    """Filter: isolate a name or an address from the direction of the sentence around it."""
    return Markup("<bdi>{}</bdi>").format(value)


def breakable(value: str) -> Markup:
    """Filter: isolate an email or IP address, and let it break at its signs rather than within a word."""
    parts = re.split(r"(?<=@)|(?=[.:])", value)
    return Markup("<bdi>{}</bdi>").format(Markup("<wbr>").join(parts))


def strong(value: str) -> Markup:
    """Filter: isolate a name or an address, and emphasise it."""
    return Markup("<strong><bdi>{}</bdi></strong>").format(value)


def _needs_isolation(value: Any) -> bool:
    # Markup brings its own `bdi`. Email programs would take a character after a URL for a part of the link.
    is_text = isinstance(value, str) and not hasattr(value, "__html__")
    return is_text and not str.startswith(value, ("https://", "http://"))


def _fill(language: Language, text: str, values: Mapping[str, Any], context: EvalContext | None = None) -> str:
    """Put the values into a text; in a template also if there are none, and escaped where it escapes."""
    if language.direction == "rtl":
        text = text.replace("→", NEXT_IN_PATH)
        text = TECHNICAL_TERM.sub(f"{ISOLATE}\\g<0>{END_OF_ISOLATE}", text)
        values = isolate(values)
    if context and context.autoescape:
        text = Markup(text)  # noqa: S704 -- our own text; values are escaped
    # Most texts have no values and no "%".
    return text % values if values or (context and "%" in text) else text
