"""Forms don't trust posted values: a sample form, and every field of real pages."""

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
INVISIBLE = "This contains an invisible character"
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


def errors(app: Flask, *pairs: tuple[str, str]) -> dict[str, str]:
    """Return the errors of a sample form that is posted with these values."""
    with app.test_request_context(method="POST", data=MultiDict(pairs)):
        form = Sample(meta={"csrf": False})
        form.validate()
        return {field.name: str(field.errors[0]) for field in fields_with_errors(form)}


@pytest.mark.one_database
@pytest.mark.parametrize(
    "value", ["", "plain", "Zoë 王 ✉", "a\u200db", "\u0645\u06cc\u200c\u062e", "x" * MAX_TEXT_LENGTH]
)
def test_ordinary_text_is_accepted(shared_app: Flask, value: str) -> None:
    assert errors(shared_app, ("name", value)) == {}


@pytest.mark.one_database
@pytest.mark.parametrize("value", ["a\0b", "a\rb", "a\nBcc: x", "a\x1bb", "a\x85b", "a\u2028b", "a\u2029b", "a\x7fb"])
def test_control_characters_are_rejected(shared_app: Flask, value: str) -> None:
    assert INVISIBLE in errors(shared_app, ("name", value))["name"]


@pytest.mark.one_database
@pytest.mark.parametrize(
    "hidden",
    "\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202e\u2066\u2800\u3164\ufeff\uffa0\U000e0001\U000e0041\U000e007f",
    ids=ascii,
)
def test_invisible_characters_are_rejected(shared_app: Flask, hidden: str) -> None:
    assert INVISIBLE in errors(shared_app, ("name", f"a{hidden}b"))["name"]


@pytest.mark.one_database
@pytest.mark.parametrize("junk", ["\t", "\u00a0", "\u200b", "\u2060", "\ufeff", "\r\n"], ids=ascii)
def test_pasted_blanks_are_trimmed_from_texts_but_not_from_passwords(shared_app: Flask, junk: str) -> None:
    sent = {"name": f"{junk}Zoë K{junk}", "text": f"{junk}one\ntwo{junk}", "secret": "corr ect "}
    with shared_app.test_request_context(method="POST", data=sent):
        form = Sample()
    assert (form.name.data, form.text.data, form.secret.data) == ("Zoë K", "one\ntwo", "corr ect ")


@pytest.mark.one_database
def test_only_multiline_text_may_contain_line_breaks(shared_app: Flask) -> None:
    assert errors(shared_app, ("text", "one\r\n\ttwo\n")) == {}
    assert INVISIBLE in errors(shared_app, ("text", "one\0two"))["text"]


@pytest.mark.one_database
def test_a_pasted_secret_may_end_with_a_line_break_but_not_contain_one(shared_app: Flask) -> None:
    assert errors(shared_app, ("secret", "secret\r\n")) == {}
    assert INVISIBLE in errors(shared_app, ("secret", "sec\r\nret"))["secret"]


@pytest.mark.one_database
def test_a_field_posted_twice_is_rejected(shared_app: Flask) -> None:
    assert TWICE in errors(shared_app, ("name", "one"), ("name", "two"))["name"]


@pytest.mark.one_database
def test_overlong_text_is_rejected_with_its_length(shared_app: Flask) -> None:
    assert errors(shared_app, ("name", "x" * 2001)) == {"name": "Too long: 2001 characters (maximum 2000)."}


BAD = {
    "line break": "a@mailroom.example\r\nBcc: b@mailroom.example",
    "very long": MUCH,
}


@pytest.fixture
def visitor(path: str, request: pytest.FixtureRequest, app: Flask) -> Browser:
    """A browser that may open the page."""
    who = "stranger" if path in ("/login", "/forgot-password") else "administrator"
    browser: Browser = request.getfixturevalue(who)
    return browser


@pytest.mark.parametrize("path", PAGES)
def test_a_nul_character_in_any_field_is_an_error_of_the_form(visitor: Browser, path: str) -> None:
    assert_given_back(visitor, path, "a\0b@mailroom.example")


@pytest.mark.one_database
@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
@pytest.mark.parametrize("path", PAGES)
def test_bad_input_in_any_field_is_an_error_of_the_form(visitor: Browser, path: str, value: str) -> None:
    assert_given_back(visitor, path, value)


def assert_given_back(visitor: Browser, path: str, value: str) -> None:
    for name, sent in with_each_field(visitor, path, [value]):
        started = time.thread_time()
        page = send(visitor, path, sent)
        assert page.status_code == 200, name
        assert name in {name for form in forms_of(page.text) for name in form.names}
        assert time.thread_time() - started < 5, name


@pytest.mark.one_database
@pytest.mark.parametrize("path", PAGES)
def test_json_is_not_read_as_a_form(visitor: Browser, path: str) -> None:
    body = '{"email": 5, "name": {}, "product_name": "a\\nb", "mail_from": [["\\ud800"]]}'
    page = visitor.client.post(path, data=body, content_type="application/json")
    assert page.status_code == 200
    assert "open too long" in page.text


@pytest.mark.one_database
@pytest.mark.parametrize("path", PAGES)
def test_an_uploaded_file_is_not_read_as_a_field(visitor: Browser, path: str) -> None:
    names = max(forms_of(visitor.get(path).text), key=lambda form: len(form.names)).names
    page = visitor.client.post(path, data={name: (BytesIO(b"x"), "x.txt") for name in names})
    assert page.status_code == 200


def send(browser: Browser, path: str, fields: "MultiDict[str, Any]") -> TestResponse:
    """Post a body unchanged, even if it is not UTF-8."""
    body = urlencode(list(fields.items(multi=True)))
    return browser.client.post(path, data=body, content_type="application/x-www-form-urlencoded")


def with_each_field(browser: Browser, path: str, values: list[Any]) -> Iterator[tuple[str, "MultiDict[str, Any]"]]:
    """Submit the main form of a page once for each field, with these values in it."""
    form = max(forms_of(browser.get(path).text), key=lambda form: len(form.names))
    for name in sorted(form.names - {"csrf_token"}):
        sent: MultiDict[str, Any] = MultiDict(form.values)
        sent.setlist(name, values)
        yield name, sent


@pytest.mark.one_database
@pytest.mark.parametrize("path", PAGES)
def test_a_stale_form_comes_back_with_all_values(visitor: Browser, path: str) -> None:
    form = max(forms_of(visitor.get(path).text), key=lambda form: len(form.names))
    sent = dict.fromkeys(form.names & {"email", "mail_from", "support_address"}, "typed@mailroom.example")
    page = visitor.client.post(path, data={**dict(form.values), **sent, "password": SECRET, "csrf_token": "stale"})
    assert "open too long" in page.text
    assert "typed@mailroom.example" in page.text
    assert SECRET not in page.text


ODD_URLS = [
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
]


def test_no_url_breaks_a_page(administrator: Browser) -> None:
    for path in ODD_URLS:
        assert administrator.get(path).status_code in (200, 404), path
