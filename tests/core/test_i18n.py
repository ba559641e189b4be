"""Translated texts: values are escaped, and isolated where text runs from right to left."""

import ast
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import gettext, ngettext

import webapp
from webapp.core import i18n
from webapp.core.i18n import END_OF_ISOLATE, ISOLATE

pytestmark = pytest.mark.one_database


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """Nothing here changes it."""
    return shared_app


def test_values_and_technical_terms_in_a_right_to_left_sentence_are_isolated(app: Flask) -> None:
    with app.test_request_context():
        with i18n.use_language("ar"):
            assert gettext("%(name)s is there", name="Ada (x)") == f"{ISOLATE}Ada (x){END_OF_ISOLATE} is there"
            assert ngettext("%(num)s of %(name)s", "%(num)s", 1, name="x") == f"1 of {ISOLATE}x{END_OF_ISOLATE}"
            assert gettext("Users → Mail") == "Users \u200f←\u200f Mail"
            assert gettext("on 2-Step Verification.") == f"on {ISOLATE}2-Step Verification{END_OF_ISOLATE}."
            assert gettext("as 2027-01-31.") == f"as {ISOLATE}2027-01-31{END_OF_ISOLATE}."
            assert gettext("no https://, but https://a.example/") == (
                f"no {ISOLATE}https://{END_OF_ISOLATE}, but https://a.example/"
            )
            assert gettext("Open %(page)s", page="https://mailroom.example/") == "Open https://mailroom.example/"
        with i18n.use_language("de"):
            assert gettext("%(name)s is there", name="Ada") == "Ada is there"


def test_values_in_a_translated_text_on_a_page_are_escaped(app: Flask) -> None:
    page = app.jinja_env.from_string("{{ _('%(one)s and %(other)s', one='<i>', other='<b>'|strong) }}")
    with app.test_request_context(), i18n.use_language("ar"):
        bold = "<strong><bdi>&lt;b&gt;</bdi></strong>"
        assert page.render() == f"{ISOLATE}&lt;i&gt;{END_OF_ISOLATE} and {bold}"


def test_values_in_a_text_that_is_translated_when_it_is_shown_are_escaped(app: Flask) -> None:
    page = app.jinja_env.from_string("{{ text }} {{ [text, 'x']|join(' ') }} {{ '<p>%s</p>'|safe|format(text) }}")
    with app.test_request_context():
        shown = page.render(text=i18n.lazy_gettext("It said %(reply)s.", reply="<script>"))
    assert shown == "It said &lt;script&gt;. It said &lt;script&gt;. x <p>It said &lt;script&gt;.</p>"


def test_texts_with_values_are_not_those_of_flask_babel() -> None:
    for path in Path(webapp.__file__).parent.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        imports = [one for one in nodes if isinstance(one, ast.ImportFrom) and one.module == "flask_babel"]
        lazy = {name.asname or name.name for one in imports for name in one.names if name.name.startswith("lazy_")}
        calls = [one for one in nodes if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)]
        assert not [one.lineno for one in calls if ast.unparse(one.func) in lazy and one.keywords], path


def test_an_address_may_break_at_its_signs_and_is_escaped(app: Flask) -> None:
    assert i18n.breakable("a<b@c.example") == "<bdi>a&lt;b@<wbr>c<wbr>.example</bdi>"
    assert i18n.breakable("::1") == "<bdi><wbr>:<wbr>:1</bdi>"


@pytest.mark.parametrize(("number", "noun"), [(3, "أرقام"), (12, "رقمًا"), (99, "رقمًا"), (100, "رقم"), (102, "رقم")])
def test_an_arabic_noun_takes_the_case_that_its_number_asks_for(app: Flask, number: int, noun: str) -> None:
    with app.test_request_context(), i18n.use_language("ar"):
        text = ngettext("Use at least %(num)s digit.", "Use at least %(num)s digits.", number)
        assert text.split()[2] == noun
