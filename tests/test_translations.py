"""The catalogues: every text in every language, whole, and compiled."""

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
# What stands in templates outside of translated texts: the same in every language, or no text at all.
IN_NO_LANGUAGE = {"UTC", "nbsp", "primary"}
# Attributes that are read to people.
SPOKEN = re.compile(r'\b(?:aria-label|alt|title|placeholder|data-label)="[^"]*[a-z]', re.IGNORECASE)

in_every_language = pytest.mark.parametrize("code", TRANSLATED)


@cache
def texts() -> Catalog:
    """Every text that the code and the templates mark for translation."""
    with (CHECKOUT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    catalog = Catalog()
    for _file, _line, text, _comments, context in extract_from_dir(CHECKOUT, methods, options, KEYWORDS):
        catalog.add(text, context=context)
    return catalog


@cache
def catalogue(code: str) -> Catalog:
    """What translators wrote."""
    with (CHECKOUT / f"webapp/translations/{code}/LC_MESSAGES/messages.po").open("rb") as file:
        return read_po(file, code)


def entries(code: str) -> Iterator[tuple[Message, list[str], list[str]]]:
    """Each entry, its texts in English and in the other language."""
    for entry in catalogue(code):
        if entry.id:
            yield entry, _forms(entry.id), _forms(entry.string)


@in_every_language
def test_a_catalogue_has_the_texts_that_there_are_and_no_others(code: str) -> None:
    assert {entry.id for entry in catalogue(code)} == {entry.id for entry in texts()}, "run `make translations`"


@in_every_language
def test_every_text_is_translated_and_sure(code: str) -> None:
    assert [english[0] for entry, english, other in entries(code) if entry.fuzzy or not all(other)] == []


@in_every_language
def test_a_number_has_every_form_of_the_language(code: str) -> None:
    numbered = [(english[0], len(other)) for entry, english, other in entries(code) if entry.pluralizable]
    assert catalogue(code).num_plurals == PLURALS[code]
    assert [text for text, forms in numbered if forms != PLURALS[code]] == []


@in_every_language
def test_placeholders_and_line_breaks_are_those_of_the_text(code: str) -> None:
    wrong = []
    for entry, english, other in entries(code):
        most = max((sorted(PLACEHOLDER.findall(one)) for one in english), key=len)
        for one in filter(None, other):
            found = sorted(PLACEHOLDER.findall(one))
            # "One minute" may do without its number.
            spared = entry.pluralizable and sorted([*found, "%(num)s"]) == most
            if (found != most and not spared) or one.count("\n") != english[0].count("\n"):
                wrong.append(one)
    assert wrong == []


@in_every_language
def test_a_translation_brings_no_markup_and_no_signs_of_direction(code: str) -> None:
    strange = re.compile(r"<[a-z/!][a-z0-9]*[\s/>]|&\w+;|[\u200e\u200f\u202a-\u202e\u2066-\u2069]", re.IGNORECASE)
    assert [one for _, english, other in entries(code) for one in other if strange.search(one)] == []


@in_every_language
def test_what_is_compiled_is_what_was_written(code: str) -> None:
    with (CHECKOUT / f"webapp/translations/{code}/LC_MESSAGES/messages.mo").open("rb") as file:
        compiled = {_forms(entry.id)[0]: _forms(entry.string) for entry in read_mo(file) if entry.id}
    written = {english[0]: other for _, english, other in entries(code) if all(other)}
    assert compiled == written, "run `make translations`"


def _forms(text: str | Sequence[str] | None) -> list[str]:
    """The text for each number; one, if it has no number."""
    return list(text) if isinstance(text, list | tuple) else [str(text or "")]


def test_templates_hold_no_text_that_is_not_translated() -> None:
    environment = Environment()  # only reads them
    templates = [*(CHECKOUT / "templates").rglob("*.html"), *(CHECKOUT / "webapp/demo/templates").rglob("*.html")]
    escaped = []
    for path in templates:
        tokens = environment.lex(re.sub(r"<style>.*?</style>|<code.*?</code>", "", path.read_text(), flags=re.DOTALL))
        page = "".join(value if kind == "data" else "{}" for _, kind, value in tokens if kind != "comment")
        words = set(re.findall(r"(?<![-/\w])[^\W\d_]{2,}", MARKUP.sub(" ", page))) - IN_NO_LANGUAGE
        escaped += [f"{path.name}: {word}" for word in words] + [f"{path.name}: {one}" for one in SPOKEN.findall(page)]
    assert escaped == []
