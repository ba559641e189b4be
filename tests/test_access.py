"""Who may open what, checked on every address there is."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.routing import Rule

from tests.support.browser import Browser
from webapp import schema
from webapp.access import MEMBER, safe_next
from webapp.database import Database

# Every page that a stranger can open. Whoever adds one here says why in its review.
PUBLIC = {
    "/static/<path:filename>",
    "/bootstrap/static/<path:filename>",
    "/healthz",
    "/readyz",
    "/setup",
    "/login",
    "/activate/<secret>",
    "/activate",
    "/activate/again",
    "/forgot-password",
    "/forgot-password/sent",
    "/code",
    "/reset-password/<secret>",
    "/reset-password",
    "/password-advice",
    "/confirm-address/<secret>",
    "/confirm-address",
    "/restore-address/<secret>",
    "/restore-address",
    "/language",
}
ARGUMENTS = {
    "user_id": 1,
    "message_id": 1,
    "sign_in_id": 1,
    "template": "reset",
    "secret": "made-up",
    "filename": "nothing.css",
}
# These change without anybody's doing.
RESTLESS = {"rate_limits"}

pytestmark = pytest.mark.one_database


def rules(app: Flask, method: str, public: bool | None = False) -> Iterator[tuple[Rule, str]]:
    """Every rule with this method, and an address for it."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()) and public in (None, rule.rule in PUBLIC):
            given = {name: ARGUMENTS[name] for name in rule.arguments}
            yield rule, adapter.build(rule.endpoint, given, method=method)


def test_the_list_of_public_pages_is_complete(app: Flask) -> None:
    posted = {"/activate/again", "/language", "/password-advice"}
    assert {rule.rule for rule, _ in rules(app, "GET", public=None)} >= PUBLIC - posted


def test_a_stranger_is_asked_to_sign_in_everywhere_else(app: Flask, stranger: Browser) -> None:
    open_pages = [
        path for _rule, path in rules(app, "GET") if not stranger.get(path, follow=False).location.startswith("/login")
    ]
    assert open_pages == []


def test_a_stranger_can_send_nothing_anywhere_else(app: Flask, stranger: Browser) -> None:
    open_forms = [path for _rule, path in rules(app, "POST") if stranger.post(path, follow=False).location != "/login"]
    assert open_forms == []


def test_a_member_is_refused_on_every_page_of_administrators(app: Flask, member: Browser) -> None:
    answers = {
        (method, path): send(path, follow=False).status_code
        for method, send in (("GET", member.get), ("POST", member.post))
        for rule, path in rules(app, method)
        if rule.endpoint not in MEMBER
    }
    assert answers
    assert {request: status for request, status in answers.items() if status != 403} == {}


def test_an_administrator_can_open_every_page(app: Flask, administrator: Browser) -> None:
    answers = {path: administrator.get(path).status_code for rule, path in rules(app, "GET") if not rule.arguments}
    assert {path: status for path, status in answers.items() if status != 200} == {}


@pytest.mark.parametrize("who", ["stranger", "administrator"])
def test_without_a_token_no_form_changes_anything(
    app: Flask, who: str, request: pytest.FixtureRequest, database: Database
) -> None:
    browser: Browser = request.getfixturevalue(who)
    before = everything(database)
    for _rule, path in rules(app, "POST", public=None):
        answer = browser.client.post(path, data={"email": "new@mailroom.example", "name": "New"})
        assert answer.status_code in (200, 302, 400, 404), path
        assert everything(database) == before, path


def test_with_a_token_of_somebody_else_nothing_changes(
    app: Flask, administrator: Browser, stranger: Browser, database: Database
) -> None:
    before = everything(database)
    for _rule, path in rules(app, "POST"):
        answer = administrator.client.post(path, data={"csrf_token": stranger.csrf_token(), "name": "New"})
        assert answer.status_code in (200, 400), path
    assert everything(database) == before


def test_after_signing_in_one_goes_on_to_where_one_wanted_to_go(member: Browser, stranger: Browser) -> None:
    asked = stranger.get("/outbox?state=failed", follow=False).location
    stranger._user_id = member._user_id
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
def test_no_next_address_leaves_the_site(app: Flask, target: str | None) -> None:
    with app.test_request_context("/login"):
        assert safe_next(target) == "/"


def everything(database: Database) -> dict[str, list[Any]]:
    """All rows of all tables."""
    with database.reading() as session:
        return {
            table.name: sorted(map(tuple, session.execute(select(table))), key=repr)
            for table in schema.metadata.sorted_tables
            if table.name not in RESTLESS
        }
