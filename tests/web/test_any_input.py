"""Generated input for every form and URL: the response is a page, never an internal error."""

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.support.browser import Browser
from tests.support.html import Form, forms_of

PEOPLE = ["stranger", "member", "administrator"]
# The same examples on every run; a run by hand with another number finds others.
EXAMPLES = settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
# Buttons that would open connections to any host in the form.
NOT_PRESSED = {"test"}
ODD = [
    "",
    "\0",
    "a\r\nBcc: b@example.com",
    "\ud800",
    "‮moc.elpmaxe",
    "٣",
    "NaN",
    "1e309",
    "-1",
    str(2**63),
    str(10**400),
    "%00",
    "{{7*7}}",
    "<script>",
    "'; --",
    "//evil.example",
    "a@b",
    "İ@xn--a.example",
    "x" * 3000,
    "[]",
    '{"a":',
]
# The index of a page, form or field, modulo their number.
numbers = st.integers(0, 10_000)
values = st.one_of(st.sampled_from(ODD), st.text(max_size=40), st.integers().map(str), st.floats().map(str))


@pytest.fixture
def config_values() -> dict[str, Any]:
    return {"rate_limits": "off"}


@pytest.fixture(params=PEOPLE)
def somebody(request: pytest.FixtureRequest, stranger: Browser) -> Browser:
    """A visitor, a member and an administrator in turn."""
    browser: Browser = request.getfixturevalue(request.param)
    return browser


@EXAMPLES
@given(page=numbers, form=numbers, typed=st.dictionaries(numbers, values, max_size=6))
def test_no_input_breaks_a_form(app: Flask, somebody: Browser, page: int, form: int, typed: dict[int, str]) -> None:
    there = pages(app, somebody)
    shown = opened(somebody, there[page % len(there)])
    assert is_answered(shown)
    if forms := forms_of(shown.text):
        chosen = forms[form % len(forms)]
        assert is_answered(sent(somebody, chosen.action or shown.request.full_path, filled(chosen, typed)))


@EXAMPLES
@given(data=st.data())
def test_no_url_parameter_breaks_a_page(app: Flask, somebody: Browser, data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(sorted(app.url_map.iter_rules(), key=str)))
    path = data.draw(addresses(rule))
    pairs = data.draw(st.lists(st.tuples(st.sampled_from(["next", "before", "q", "key", "email"]), values)))
    assert is_answered(opened(somebody, f"{path}?{encoded(pairs)}"))
    if "POST" in (rule.methods or ()):
        assert is_answered(sent(somebody, path, pairs))


def pages(app: Flask, visitor: Browser) -> list[str]:
    """Return the URLs without parameters, and that of the user's own page."""
    plain = [str(rule) for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments]
    own = visitor.user.id if visitor.has_account else 1
    return sorted([*plain, *(f"/users/{own}{what}" for what in ("", "/role", "/disable", "/delete"))])


def opened(visitor: Browser, path: str) -> TestResponse:
    """Open a page, after signing in again if the previous example ended the session."""
    page = visitor.client.get(path, follow_redirects=True, buffered=True)
    if visitor.has_account and page.request.path == "/login":
        visitor.start_session()
        page = visitor.client.get(path, follow_redirects=True, buffered=True)
    return page


def sent(visitor: Browser, path: str, pairs: list[tuple[str, str]]) -> TestResponse:
    """Submit a form with a valid CSRF token."""
    body = encoded([("csrf_token", visitor.csrf_token()), *pairs])
    return visitor.client.post(path, data=body, content_type="application/x-www-form-urlencoded", buffered=True)


def is_answered(page: TestResponse) -> bool:
    """Return whether the page is not an internal error."""
    return page.status_code < 500


def filled(form: Form, typed: dict[int, str]) -> list[tuple[str, str]]:
    """Return the values of a form, some replaced by generated text, with some of its buttons."""
    names = sorted((form.names | set(form.buttons)) - NOT_PRESSED - {"csrf_token"})
    changes = {names[number % len(names)]: value for number, value in typed.items()} if names else {}
    kept = [(name, value) for name, value in form.values if name not in {*changes, "csrf_token"}]
    return [*kept, *changes.items()]


def addresses(rule: Rule) -> st.SearchStrategy[str]:
    """Generate URLs that match this rule, or almost."""
    state = [
        st.just(part) if not is_dynamic else values.map(lambda value: quote(value, errors="surrogatepass"))
        for is_dynamic, part in rule._trace
        if part != "|"
    ]
    return st.tuples(*state).map(lambda drawn: "/" + "".join(drawn).lstrip("/"))


def encoded(pairs: list[tuple[str, str]]) -> str:
    """Encode fields as a browser does, including lone surrogates."""
    return urlencode(pairs, errors="surrogatepass")
