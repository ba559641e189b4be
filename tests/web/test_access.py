"""Access to pages, checked on every URL."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.routing import Rule

from tests.conftest import PUBLIC_URL
from tests.support.applications import add_application
from tests.support.browser import Browser
from tests.support.html import forms_of
from tests.support.inbox import Inbox
from webapp.core.app_state import AppState
from webapp.core.database import Base, Database
from webapp.web.access import MEMBER, safe_next
from webapp.web.problems import API_PREFIX
from webapp.webhooks import service as webhooks

# Every page that visitors can open. To add one, explain why in the review.
PUBLIC = {
    "/static/<path:filename>",
    "/bootstrap/static/<path:filename>",
    "/healthz",
    "/readyz",
    # For those who know its token.
    "/metrics",
    "/setup",
    "/login",
    "/activate/<secret>",
    "/activate",
    "/activate/again",
    "/forgot-password",
    "/forgot-password/sent",
    "/code",
    # Shows only what the session holds since a link was used.
    "/continue",
    "/password-advice",
    "/reset-password/<secret>",
    "/reset-password",
    "/confirm-address/<secret>",
    "/confirm-address",
    "/restore-address/<secret>",
    "/restore-address",
    # The link of a test email, which says that it arrived.
    "/round-trip/<secret>",
    "/round-trip",
    # Answers only Mailroom's own questions.
    "/round-trip/check/<question>",
    "/language",
}
ARGUMENTS = {
    "user_id": 1,
    "message_id": 1,
    "job_id": 1,
    "application_id": 1,
    "webhook_id": 1,
    "trip_id": 1,
    "question": "made-up",
    "server_id": 1,
    "number": 1,
    "outcome": "created",
    "session_id": 1,
    "kind_name": "reset",
    "name": "waiting",
    "secret": "made-up",
    "filename": "nothing.css",
}
# These change with every request.
VOLATILE_TABLES = {"rate_limits"}
FILES = {"static", "bootstrap.static"}
TYPES = {"text/html; charset=utf-8", "text/csv; charset=utf-8", "application/json"}
# An email in a frame, where it can't run scripts: see tests/outbox.
FRAMED = {"emails.preview_html"}

pytestmark = pytest.mark.one_database


def rules(app: Flask, method: str, public: bool | None = False) -> Iterator[tuple[Rule, str]]:
    """Yield each rule of a page with this method, and a URL for it. tests/api looks at those of the API."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if (
            not rule.rule.startswith(API_PREFIX)
            and method in (rule.methods or ())
            and public in (None, rule.rule in PUBLIC)
        ):
            given = {name: ARGUMENTS[name] for name in rule.arguments}
            yield rule, adapter.build(rule.endpoint, given, method=method)


def test_the_list_of_public_pages_is_complete(app: Flask) -> None:
    assert {rule.rule for rule, _ in rules(app, "GET", public=None)} >= PUBLIC - {
        "/activate/again",
        "/language",
        "/password-advice",
    }


def test_all_other_pages_redirect_visitors_to_the_login_page(app: Flask, stranger: Browser) -> None:
    open_pages = [
        path for _rule, path in rules(app, "GET") if not stranger.get(path, follow=False).location.startswith("/login")
    ]
    assert open_pages == []


def test_visitors_cannot_submit_any_other_form(app: Flask, stranger: Browser) -> None:
    answers = {path: stranger.post(path, follow=False).location for _rule, path in rules(app, "POST")}
    open_forms = [path for path, location in answers.items() if not location.startswith("/login?")]
    assert open_forms == []


def test_members_cannot_open_any_page_for_administrators(app: Flask, member: Browser) -> None:
    answers = {
        (method, path): send(path, follow=False).status_code
        for method, send in (("GET", member.get), ("POST", member.post))
        for rule, path in rules(app, method)
        if rule.endpoint not in MEMBER
    }
    assert answers
    assert {request: status for request, status in answers.items() if status != 403} == {}


def test_administrators_can_open_every_page(app: Flask, administrator: Browser) -> None:
    answers = {path: administrator.get(path).status_code for rule, path in rules(app, "GET") if not rule.arguments}
    assert {path: status for path, status in answers.items() if status != 200} == {}


@pytest.mark.parametrize("who", ["stranger", "administrator"])
def test_no_form_changes_anything_without_a_csrf_token(
    app: Flask, who: str, request: pytest.FixtureRequest, database: Database
) -> None:
    browser: Browser = request.getfixturevalue(who)
    before = everything(database)
    for _rule, path in rules(app, "POST", public=None):
        answer = browser.client.post(path, data={"email": "new@mailroom.example", "name": "New"})
        assert answer.status_code in (200, 302, 400, 404), path
        assert everything(database) == before, path


def test_no_form_changes_anything_with_another_browsers_csrf_token(
    app: Flask, administrator: Browser, stranger: Browser, state: AppState, database: Database, inbox: Inbox
) -> None:
    add_application(database)
    with database.transaction() as session:
        webhooks.create(session, state.sealer, name="Alerts", url="https://alerts.example/")
    before = everything(database)
    for _rule, path in rules(app, "POST"):
        answer = administrator.client.post(path, data={"csrf_token": stranger.csrf_token(), "name": "New"})
        assert answer.status_code in (200, 400, 404), path
    assert everything(database) == before


@pytest.mark.parametrize("number", [0, 10**20])
def test_numbers_that_no_row_can_have_are_not_found(
    app: Flask, administrator: Browser, inbox: Inbox, number: int
) -> None:
    adapter, found = app.url_map.bind("localhost"), {}
    for rule in app.url_map.iter_rules():
        numbers = {name: number for name in rule.arguments if "<int" in rule.rule}
        for method, send in (("GET", administrator.get), ("POST", administrator.post)):
            if numbers and not rule.rule.startswith(API_PREFIX) and method in (rule.methods or ()):
                path = adapter.build(rule.endpoint, {**ARGUMENTS, **numbers}, method=method)
                found[method, path] = send(path).status_code
    assert {asked: status for asked, status in found.items() if status != 404} == {}


def test_signing_in_leads_to_the_requested_page(member: Browser, stranger: Browser) -> None:
    asked = stranger.get("/outbox?state=failed", follow=False).location
    stranger.user_id = member.user_id
    page = stranger.submit(asked, email=member.user.email, password="a quite long sentence 7")
    assert page.request.full_path == "/outbox?state=failed"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example/",
        "\n//evil.example",
        "/ /evil.example\u2028",
        "javascript:alert(1)",
        "evil.example",
        "",
        None,
    ],
)
def test_no_next_url_leads_to_another_site(shared_app: Flask, target: str | None) -> None:
    with shared_app.test_request_context("/login"):
        assert safe_next(target) == "/"


def everything(database: Database) -> dict[str, list[Any]]:
    """Return all rows of all tables."""
    with database.read() as session:
        return {
            table.name: sorted(map(tuple, session.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
            if table.name not in VOLATILE_TABLES
        }


@pytest.mark.parametrize("who", ["stranger", "member", "administrator"])
def test_no_page_may_be_framed_or_cached(app: Flask, who: str, request: pytest.FixtureRequest) -> None:
    browser: Browser = request.getfixturevalue(who)
    for rule, path in rules(app, "GET", public=None):
        headers = browser.get(path, follow=False).headers
        if rule.endpoint not in FRAMED:
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
            assert headers["X-Frame-Options"] == "DENY", path
        assert rule.endpoint in FILES or headers["Cache-Control"] == "no-store", path
        assert "Access-Control-Allow-Origin" not in headers, path
        assert headers["Content-Type"] in TYPES, path


def test_opening_a_page_changes_nothing_in_the_database(app: Flask, administrator: Browser, database: Database) -> None:
    def present() -> dict[str, list[Any]]:
        # Opening an invalid link is recorded.
        return {name: rows for name, rows in everything(database).items() if name != "audit_entries"}

    administrator.get("/")
    before = present()
    for _rule, path in rules(app, "GET", public=None):
        administrator.get(path)
        administrator.client.head(path)
        assert present() == before, path


@pytest.mark.parametrize("method", ["TRACE", "PUT", "MADEUP"])
def test_other_http_methods_are_rejected(app: Flask, administrator: Browser, method: str) -> None:
    for _rule, path in rules(app, "GET", public=None):
        assert administrator.client.open(path, method=method).status_code == 405, path


@pytest.mark.parametrize(
    "path", ["/static/", "/static/..", "/bootstrap/static/", "/.git/config", "/static/../base.html"]
)
def test_only_static_files_are_served(stranger: Browser, path: str) -> None:
    assert stranger.get(path).status_code == 404


def test_posted_fields_that_a_form_does_not_have_are_ignored(member: Browser) -> None:
    more: dict[str, Any] = {
        "role": "administrator",
        "state": "disabled",
        "email": "evil@example.org",
        "id": "99",
        "password_hash": "x",
    }
    page = member.post("/profile/name", name="Maxine", **more)
    assert page.status_code == 200
    user = member.user
    assert (user.name, user.role, user.state, user.email) == ("Maxine", "member", "active", "max@mailroom.example")


# tests/web/test_paths.py looks at other ways to write a number.
FORGED = ["9" * 12, "1'--", "%00", "{{77777*77777}}", "a" * 5000]


@pytest.mark.parametrize("forged", FORGED)
def test_forged_ids_and_secrets_are_not_found(app: Flask, administrator: Browser, forged: str) -> None:
    for method, send in (("GET", administrator.get), ("POST", administrator.post)):
        for rule in [rule for rule, _ in rules(app, method, public=None) if rule.arguments]:
            path = re.sub(r"<.+?>", lambda _: forged, rule.rule)
            answer = send(path)
            assert answer.status_code in (200, 400, 404), path
            assert answer.status_code != 200 or rule.rule in PUBLIC, path
            assert "6049261729" not in answer.text or "{{" not in forged, path


HOSTS = [
    {"Host": "evil.example"},
    {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example;proto=https",
        "X-Original-Host": "evil.example",
        "X-Host": "evil.example",
    },
]


@pytest.mark.parametrize("headers", HOSTS, ids=lambda headers: next(iter(headers)))
def test_no_page_uses_the_host_header_in_links(app: Flask, administrator: Browser, headers: dict[str, str]) -> None:
    for _rule, path in rules(app, "GET", public=None):
        answer = administrator.get(path, follow=False, headers=headers)
        assert "evil.example" not in answer.text, path
        assert "evil.example" not in answer.headers.get("Location", ""), path


@pytest.mark.parametrize("headers", HOSTS, ids=lambda headers: next(iter(headers)))
def test_no_email_uses_the_host_header_in_links(
    stranger: Browser, member: Browser, inbox: Inbox, deliver: Callable[[], None], headers: dict[str, str]
) -> None:
    page = stranger.client.get("/forgot-password", headers=headers)
    token = dict(forms_of(page.text)[0].values)["csrf_token"]
    data = {"csrf_token": token, "email": member.user.email}
    stranger.client.post("/forgot-password", data=data, headers=headers)
    deliver()
    assert inbox.last.link.startswith(f"{PUBLIC_URL}/")
    assert "evil.example" not in inbox.last.as_string()


def test_no_page_redirects_to_another_site(app: Flask, administrator: Browser) -> None:
    wishes = dict.fromkeys(("next", "url", "redirect", "return_to", "continue"), "https://evil.example/")
    client = administrator.client
    answers = [client.get(path, query_string=wishes) for _rule, path in rules(app, "GET", public=None)]
    for _rule, path in rules(app, "POST", public=None):
        # The one before may have ended the session.
        administrator.start_session()
        answers.append(client.post(path, query_string=wishes, data={"csrf_token": administrator.csrf_token()}))
    for answer in answers:
        assert urlsplit(answer.headers.get("Location", "/")).netloc in ("", "localhost"), answer.request.path


def test_a_members_attempt_to_open_an_administrators_page_is_logged(
    member: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    member.get("/users")
    assert any("refused: for administrators only" in str(record.msg) for record in caplog.records)
