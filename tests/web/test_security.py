"""Security headers, cookies, limits and forwarded headers of every response."""

from io import BytesIO
from typing import Any

import pytest
from flask import Flask, abort, jsonify, request

from tests.support.browser import Browser
from tests.support.html import inline_code
from webapp.accounts.sessions import routes
from webapp.core.config import MAX_ANONYMOUS_REQUEST_SIZE
from webapp.core.errors import TooManyRequests
from webapp.web import access, cookies

pytestmark = pytest.mark.one_database
PROXY, CLIENT = "10.0.0.1", "203.0.113.7"


@pytest.fixture
def config_values() -> dict[str, Any]:
    return {"trusted_proxies": "10.0.0.0/8, fd00::/8"}


@pytest.fixture
def app(app: Flask) -> Flask:
    """The application with URLs that fail, and one that returns how the client is seen."""

    def broken() -> str:
        raise RuntimeError("a secret detail")

    def limited() -> str:
        raise TooManyRequests(30)

    def seen() -> Any:
        return jsonify(address=request.remote_addr, scheme=request.scheme, host=request.host)

    pages = {"broken": broken, "limited": limited, "seen": seen, "teapot": lambda: abort(418)}
    for name, view in pages.items():
        app.add_url_rule(f"/{name}", f"pages.{name}", view)
    return app


@pytest.fixture(autouse=True)
def _test_pages_are_public(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"pages.broken", "pages.limited", "pages.seen", "pages.teapot"}
    monkeypatch.setattr(access, "PUBLIC", access.PUBLIC | names)
    monkeypatch.setattr(routes, "EXEMPT_FROM_REAUTHENTICATION", routes.EXEMPT_FROM_REAUTHENTICATION | names)


ANSWERS = {
    "page": ("/login", 200),
    "redirect": ("/", 302),
    "nothing there": ("/nothing", 404),
    "failed": ("/broken", 500),
    "other error": ("/teapot", 418),
    "too many": ("/limited", 429),
    "json": ("/healthz", 200),
    "file": ("/static/mailroom.css", 200),
    "wrong method": ("/logout", 405),
}


def test_every_response_has_the_security_headers(stranger: Browser) -> None:
    for path, status in ANSWERS.values():
        answer = stranger.get(path, follow=False)
        assert answer.status_code == status
        assert_protected(answer.headers)


def test_the_response_to_an_invalid_host_has_the_security_headers(stranger: Browser) -> None:
    for host in ["a..b", ".a", "..", "a" * 64]:
        for path in ("/", "/healthz", "/login"):
            answer = stranger.client.get(path, headers={"Host": host})
            assert answer.status_code == 400, path
            assert_protected(answer.headers)


def test_the_response_to_a_rejected_form_has_the_security_headers(stranger: Browser) -> None:
    answer = stranger.client.post("/activate/again")
    assert answer.status_code == 400
    assert_protected(answer.headers)


def test_a_form_that_is_too_large_is_rejected_with_the_security_headers(stranger: Browser) -> None:
    answer = stranger.client.post("/login", data={"email": "x" * 5_000_000})
    assert answer.status_code == 413
    assert_protected(answer.headers)


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("body", [b"a&" * 1000, b"a=b&" * 1000, b"&" * 200_000], ids=["names", "fields", "separators"])
def test_a_form_with_very_many_fields_is_rejected_before_it_is_parsed(stranger: Browser, body: bytes) -> None:
    for path in ("/login", "/code", "/language"):
        assert stranger.client.post(path, data=body, content_type=FORM).status_code == 413, path


def test_a_form_that_takes_long_to_parse_is_rejected_before_it_is_parsed(administrator: Browser) -> None:
    body = BytesIO(b"a=" + b"%41" * 200_000)
    answer = administrator.client.post("/settings/mail", input_stream=body, content_length=600_002, content_type=FORM)
    assert (answer.status_code, "Form too large" in answer.text, body.tell()) == (413, True, 0)


def test_visitors_may_send_smaller_forms_than_signed_in_users(stranger: Browser, administrator: Browser) -> None:
    large = {"name": "x" * MAX_ANONYMOUS_REQUEST_SIZE}
    answer = stranger.client.post("/login", data=large)
    assert (answer.status_code, "Form too large" in answer.text) == (413, True)
    assert administrator.client.post("/settings/mail", data=large).status_code == 200


def test_forms_for_signed_in_users_are_not_parsed_for_visitors(stranger: Browser) -> None:
    body = BytesIO(b"a&" * 2_000_000)
    answer = stranger.client.post("/logout", input_stream=body, content_length=4_000_000, content_type=FORM)
    assert (answer.status_code, answer.location, body.tell()) == (302, "/login?ended=form", 0)


def assert_protected(headers: Any) -> None:
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert {policy[name] for name in ("default-src", "object-src", "frame-ancestors", "base-uri")} == {"'none'"}
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Server" not in headers


def test_an_error_page_reveals_nothing_internal(stranger: Browser) -> None:
    page = stranger.get("/broken")
    assert "Something went wrong on our side" in page.text
    assert "a secret detail" not in page.text
    assert "Traceback" not in page.text


def test_no_page_contains_code_that_the_content_security_policy_blocks(administrator: Browser) -> None:
    paths = ["/", "/users", "/users/new", "/outbox", "/settings/general", "/settings/mail", "/nothing"]
    found = {path: inline_code(administrator.get(path).text) for path in paths}
    assert {path: code for path, code in found.items() if code} == {}


def test_an_altered_session_cookie_is_ignored(member: Browser) -> None:
    cookie = member.client.get_cookie(cookies.SESSION)
    assert cookie is not None
    member.client.set_cookie(cookies.SESSION, cookie.value.swapcase())
    assert member.get("/profile", follow=False).location.startswith("/login")


def test_over_https_cookies_are_secure_and_hsts_is_on(stranger: Browser) -> None:
    answer = through(stranger, PROXY, path="/login", proto="https", host="mailroom.example")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"__Host-{cookies.VISITOR}=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def through(browser: Browser, connected: str, path: str = "/seen", **forwarded: str) -> Any:
    headers = {f"X-Forwarded-{name.title()}": value for name, value in forwarded.items()}
    return browser.client.get(path, headers=headers, environ_overrides={"REMOTE_ADDR": connected})


def test_forwarded_headers_of_other_clients_are_ignored(stranger: Browser) -> None:
    seen = through(stranger, CLIENT, proto="https", host="evil.example", **{"for": "127.0.0.1"})
    assert seen.json == {"address": CLIENT, "scheme": "http", "host": "localhost"}


@pytest.mark.parametrize("path", ["/users//2", "//users", "/users//", "/static//mailroom.css"])
def test_no_redirect_uses_a_host_from_the_path(stranger: Browser, path: str) -> None:
    answer = stranger.client.get("/", headers={"Host": "evil.example"}, environ_overrides={"PATH_INFO": path})
    assert answer.status_code in (302, 404)
    assert "evil.example" not in answer.headers.get("Location", "")


@pytest.mark.parametrize("host", ["evil.example/path", "a b", "user@evil.example", "\u00fc\u0001"])
def test_an_invalid_host_is_rejected(stranger: Browser, host: str) -> None:
    answer = through(stranger, PROXY, path="/login", host=host)
    assert answer.status_code in (200, 400)
    assert "evil.example" not in answer.text
