"""Forms that take nothing on trust: on their own, and every field of every real page."""

import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse
from wtforms import PasswordField, StringField, TextAreaField

from tests.support.browser import Browser
from tests.support.html import forms_of
from webapp.web.forms import MAX_TEXT_LENGTH, Form, fields_with_errors

MUCH = "x" * 200_000
TWICE = "This field was sent twice"
CONTROL = "Line breaks and control characters are not allowed"
PAGES = ["/login", "/forgot-password", "/users/new", "/settings/general", "/settings/mail"]
SECRET = "a typed secret"


class Sample(Form):
    """One field of each kind."""

    name = StringField()
    text = TextAreaField()
    secret = PasswordField()


@pytest.fixture
def config_values() -> dict[str, Any]:
    return {"rate_limits": "off"}


def problems(app: Flask, *pairs: tuple[str, str]) -> dict[str, str]:
    """What is wrong with a form that sends these."""
    app.config["WTF_CSRF_ENABLED"] = False
    with app.test_request_context(method="POST", data=MultiDict(pairs)):
        form = Sample()
        form.validate()
        return {field.name: str(field.errors[0]) for field in fields_with_errors(form)}


@pytest.mark.one_database
@pytest.mark.parametrize(
    "value", ["", "plain", "Zoë 王 ✉", "a\u200db", "\u0645\u06cc\u200c\u062e", "x" * MAX_TEXT_LENGTH]
)
def test_ordinary_text_is_taken(app: Flask, value: str) -> None:
    assert problems(app, ("name", value)) == {}


@pytest.mark.one_database
@pytest.mark.parametrize("value", ["a\0b", "a\rb", "a\nBcc: x", "a\x1bb", "a\x85b", "a\u2028b", "a\u2029b", "a\x7fb"])
def test_control_characters_are_refused(app: Flask, value: str) -> None:
    assert CONTROL in problems(app, ("name", value))["name"]


@pytest.mark.one_database
@pytest.mark.parametrize(
    "hidden",
    "\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202e\u2066\u2800\u3164\ufeff\uffa0\U000e0001\U000e0041\U000e007f",
    ids=ascii,
)
def test_characters_that_cannot_be_seen_are_refused(app: Flask, hidden: str) -> None:
    assert CONTROL in problems(app, ("name", f"a{hidden}b"))["name"]


@pytest.mark.one_database
def test_text_of_several_lines_has_lines_and_nothing_worse(app: Flask) -> None:
    assert problems(app, ("text", "one\r\n\ttwo\n")) == {}
    assert CONTROL in problems(app, ("text", "one\0two"))["text"]


@pytest.mark.one_database
def test_a_pasted_secret_may_end_in_a_line_break_but_not_hold_one(app: Flask) -> None:
    assert problems(app, ("secret", "secret\r\n")) == {}
    assert CONTROL in problems(app, ("secret", "sec\r\nret"))["secret"]


@pytest.mark.one_database
def test_a_field_that_is_sent_twice_is_refused(app: Flask) -> None:
    assert TWICE in problems(app, ("name", "one"), ("name", "two"))["name"]


@pytest.mark.one_database
def test_overlong_text_is_refused_with_its_length(app: Flask) -> None:
    assert problems(app, ("name", "x" * 2001)) == {"name": "Too long: 2001 characters (maximum 2000)."}


BAD = {
    "line break": "a@mailroom.example\r\nBcc: b@mailroom.example",
    "very long": MUCH,
}


@pytest.fixture
def visitor(path: str, request: pytest.FixtureRequest, app: Flask) -> Browser:
    """Whoever may open the page."""
    who = "stranger" if path in ("/login", "/forgot-password") else "administrator"
    browser: Browser = request.getfixturevalue(who)
    return browser


@pytest.mark.parametrize("path", PAGES)
def test_nul_in_any_field_gives_the_form_back(visitor: Browser, path: str) -> None:
    assert_given_back(visitor, path, "a\0b@mailroom.example")


@pytest.mark.one_database
@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
@pytest.mark.parametrize("path", PAGES)
def test_bad_input_in_any_field_gives_the_form_back(visitor: Browser, path: str, value: str) -> None:
    assert_given_back(visitor, path, value)


def assert_given_back(visitor: Browser, path: str, value: str) -> None:
    for name, sent in with_each_field(visitor, path, [value]):
        started = time.monotonic()
        page = send(visitor, path, sent)
        assert page.status_code == 200, name
        assert name in {name for form in forms_of(page.text) for name in form.names}
        assert time.monotonic() - started < 5, name


@pytest.mark.one_database
@pytest.mark.parametrize("path", PAGES)
def test_a_field_that_comes_twice_gives_the_form_back(visitor: Browser, path: str) -> None:
    for name, sent in with_each_field(visitor, path, ["one", "two"]):
        assert send(visitor, path, sent).status_code == 200, name


@pytest.mark.one_database
@pytest.mark.parametrize("values", [[], [b"\xff\xfe"], [b"\xed\xa0\x80"]], ids=["missing", "no UTF-8", "surrogate"])
@pytest.mark.parametrize("path", PAGES)
def test_a_field_that_is_missing_or_no_text_breaks_nothing(visitor: Browser, path: str, values: list[bytes]) -> None:
    for name, sent in with_each_field(visitor, path, values):
        assert send(visitor, path, sent).status_code in (200, 302), name


@pytest.mark.one_database
@pytest.mark.parametrize(
    "body", ["[1]", '"text"', '{"email": 5, "name": {}, "product_name": "a\\nb", "mail_from": [["\\ud800"]]}']
)
@pytest.mark.parametrize("path", PAGES)
def test_json_is_no_form(visitor: Browser, path: str, body: str) -> None:
    page = visitor.client.post(path, data=body, content_type="application/json")
    assert page.status_code == 200
    assert "open too long" in page.text


@pytest.mark.one_database
@pytest.mark.parametrize("path", PAGES)
def test_an_uploaded_file_is_no_field(visitor: Browser, path: str) -> None:
    names = max(forms_of(visitor.get(path).text), key=lambda form: len(form.names)).names
    page = visitor.client.post(path, data={name: (BytesIO(b"x"), "x.txt") for name in names})
    assert page.status_code == 200


def send(browser: Browser, path: str, fields: "MultiDict[str, Any]") -> TestResponse:
    """Send it as it stands, also when it is no UTF-8."""
    body = urlencode(list(fields.items(multi=True)))
    return browser.client.post(path, data=body, content_type="application/x-www-form-urlencoded")


def with_each_field(browser: Browser, path: str, values: list[Any]) -> Iterator[tuple[str, "MultiDict[str, Any]"]]:
    """The page's main form, sent once for each field with `values` in it."""
    form = max(forms_of(browser.get(path).text), key=lambda form: len(form.names))
    for name in sorted(form.names - {"csrf_token"}):
        sent: MultiDict[str, Any] = MultiDict(form.values)
        sent.setlist(name, values)
        yield name, sent


@pytest.mark.one_database
@pytest.mark.parametrize("path", PAGES)
def test_a_stale_token_gives_the_form_back_with_what_was_typed(visitor: Browser, path: str) -> None:
    form = max(forms_of(visitor.get(path).text), key=lambda form: len(form.names))
    sent = dict.fromkeys(form.names & {"email", "mail_from", "support_address"}, "typed@mailroom.example")
    page = visitor.client.post(path, data={**dict(form.values), **sent, "password": SECRET, "csrf_token": "stale"})
    assert "open too long" in page.text
    assert "typed@mailroom.example" in page.text
    assert SECRET not in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/users?search=%00",
        "/users?search=" + "x" * 5000,
        "/users?before=99999999999999999999",
        "/users?before=-1",
        "/users?before=x",
        "/outbox?state=%00",
        "/outbox?state=x&before=99999999999999999999",
        "/users/99999999999999999999",
        "/users/2147483648",
        "/users/0",
        "/users/" + "9" * 5000,
        "/outbox/99999999999999999999",
        "/outbox/2147483648",
        "/activate/%00",
        "/reset-password/%ff%fe",
        "/activate/" + "x" * 5000,
        "/setup?key=%00",
        "/login?next=%00",
        "/%00",
    ],
)
def test_no_address_breaks_anything(administrator: Browser, path: str) -> None:
    assert administrator.get(path).status_code in (200, 404)
