"""The catalogues are complete in every language, and compiled."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from jinja2 import Environment

from webapp.core.i18n import DEFAULT, LANGUAGES

CHECKOUT = Path(__file__).parent.parent
TRANSLATED = [code for code in LANGUAGES if code != DEFAULT]
PLURALS = {"de": 2, "fr": 2, "es": 2, "uk": 3, "ar": 6}
KEYWORDS = DEFAULT_KEYWORDS | dict.fromkeys(("lazy", "lazy_gettext"))
PLACEHOLDER = re.compile(r"%\(\w+\)s|%%|%")
MARKUP = re.compile(r'[\w-]+="[^"]*"|[\w-]+=\{|<[^>]*>')
# Words in templates that are the same in every language, or no text at all.
NOT_TRANSLATED = {"Mailroom", "UTC", "SHA", "nbsp", "primary", "danger"}
# The placeholders of the numbers that plurals depend on.
NUMBERS = ("%(num)s", "%(number)s", "%(messages)s", "%(emails)s", "%(people)s")
# Attributes that people read or hear.
READABLE_ATTRIBUTES = re.compile(r'\b(?:aria-label|alt|title|placeholder|data-label)="[^"]*[a-z]', re.IGNORECASE)

in_every_language = pytest.mark.parametrize("code", TRANSLATED)


@cache
def texts() -> Catalog:
    """Extract every text that code and templates mark for translation."""
    with (CHECKOUT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    catalog = Catalog()
    for _file, _line, text, _comments, context in extract_from_dir(CHECKOUT, methods, options, KEYWORDS):
        catalog.add(text, context=context)
    return catalog


@cache
def catalogue(code: str) -> Catalog:
    """Read the translations into a language."""
    with (CHECKOUT / f"webapp/translations/{code}/LC_MESSAGES/messages.po").open("rb") as file:
        return read_po(file, code)


def entries(code: str) -> Iterator[tuple[Message, list[str], list[str]]]:
    """Yield each entry with its texts in English and in the other language."""
    for entry in catalogue(code):
        if entry.id:
            yield entry, _forms(entry.id), _forms(entry.string)


@in_every_language
def test_a_catalogue_has_exactly_the_texts_of_the_code(code: str) -> None:
    assert {entry.id for entry in catalogue(code)} == {entry.id for entry in texts()}, "run `make translations`"


@in_every_language
def test_every_text_is_translated_and_none_is_fuzzy(code: str) -> None:
    assert [english[0] for entry, english, other in entries(code) if entry.fuzzy or not all(other)] == []


@in_every_language
def test_plurals_have_every_form_of_the_language(code: str) -> None:
    numbered = [(english[0], len(other)) for entry, english, other in entries(code) if entry.pluralizable]
    assert catalogue(code).num_plurals == PLURALS[code]
    assert [text for text, forms in numbered if forms != PLURALS[code]] == []


@in_every_language
def test_translations_keep_placeholders_and_line_breaks(code: str) -> None:
    wrong = []
    for entry, english, other in entries(code):
        expected = max((sorted(PLACEHOLDER.findall(one)) for one in english), key=len)
        for one in filter(None, other):
            found = sorted(PLACEHOLDER.findall(one))
            # "One minute" may omit the number.
            omits_number = entry.pluralizable and any(sorted([*found, number]) == expected for number in NUMBERS)
            if (found != expected and not omits_number) or one.count("\n") != english[0].count("\n"):
                wrong.append(one)
    assert wrong == []


@in_every_language
def test_translations_contain_no_markup_and_no_direction_marks(code: str) -> None:
    forbidden = re.compile(r"<[a-z/!][a-z0-9]*[\s/>]|&\w+;|[\u200e\u200f\u202a-\u202e\u2066-\u2069]", re.IGNORECASE)
    assert [one for _, english, other in entries(code) for one in other if forbidden.search(one)] == []


@in_every_language
def test_compiled_catalogues_match_their_sources(code: str) -> None:
    with (CHECKOUT / f"webapp/translations/{code}/LC_MESSAGES/messages.mo").open("rb") as file:
        compiled = {_forms(entry.id)[0]: _forms(entry.string) for entry in read_mo(file) if entry.id}
    written = {english[0]: other for _, english, other in entries(code) if all(other)}
    assert compiled == written, "run `make translations`"


def _forms(text: str | Sequence[str] | None) -> list[str]:
    """List the plural forms of a text, or its only form."""
    return list(text) if isinstance(text, list | tuple) else [str(text or "")]


def test_templates_contain_no_untranslated_text() -> None:
    environment = Environment()  # only tokenizes
    templates = [*(CHECKOUT / "templates").rglob("*.html"), *(CHECKOUT / "webapp/demo/templates").rglob("*.html")]
    untranslated = []
    for path in templates:
        if path.name == "documentation.html":
            # It shows the document of the API, which is in English.
            continue
        tokens = environment.lex(
            re.sub(r"<style>.*?</style>|<code.*?</code>|<pre.*?</pre>", "", path.read_text(), flags=re.DOTALL)
        )
        page = "".join(value if kind == "data" else "{}" for _, kind, value in tokens if kind != "comment")
        words = set(re.findall(r"(?<![-/\w])[^\W\d_]{2,}", MARKUP.sub(" ", page))) - NOT_TRANSLATED
        untranslated += [f"{path.name}: {word}" for word in words] + [
            f"{path.name}: {one}" for one in READABLE_ATTRIBUTES.findall(page)
        ]
    assert untranslated == []
