"""Who may use the API: programs with the secret of an application, and nobody else."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.api.conftest import Program
from tests.support.applications import IDENTIFIER, SECRET, add_application
from tests.support.browser import Browser
from webapp.applications.models import Application
from webapp.core import clock
from webapp.core.database import Database

pytestmark = pytest.mark.one_database

DOCUMENTS = {"/api/v1/openapi.json", "/api/v1/docs"}
IDS = {"message_id": "msg_made_up", "user_id": 1}


def operations(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield the method and a path of each operation."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/") and rule.rule not in DOCUMENTS:
            path = app.url_map.bind("").build(rule.endpoint, {name: IDS[name] for name in rule.arguments})
            yield from ((method, path) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"})


@pytest.mark.parametrize("who", ["stranger", "member", "administrator"])
def test_a_browser_session_opens_nothing(app: Flask, who: str, request: pytest.FixtureRequest) -> None:
    browser: Browser = request.getfixturevalue(who)
    for method, path in operations(app):
        answer = browser.client.open(path, method=method)
        assert (answer.status_code, answer.content_type) == (401, "application/problem+json"), path
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Mailroom"'
        assert answer.headers.getlist("Set-Cookie") == []


def test_any_other_credentials_are_refused(shop: Program) -> None:
    for given in (
        "Bearer made-up",
        f"Bearer app_other:{SECRET}",
        f"Basic {SECRET}",
        "Bearer",
        f"Token {SECRET}",
        SECRET,
    ):
        answer = shop.get("/status", headers={"Authorization": given})
        assert (answer.status_code, answer.json["type"]) == (401, "/api/v1/docs#unauthenticated")  # type: ignore[index]
        assert SECRET not in answer.text


def test_a_secret_is_enough_alone_or_with_its_identifier(shop: Program) -> None:
    for given in (f"Bearer {SECRET}", f"bearer {IDENTIFIER}:{SECRET}"):
        assert shop.get("/status", headers={"Authorization": given}).status_code == 200


def test_guessing_is_slowed_down_and_never_keeps_a_right_secret_out(app: Flask, shop: Program) -> None:
    guesser = Program(app, "made-up")
    answers = [guesser.get("/status") for _ in range(31)]
    assert [one.status_code for one in answers[-2:]] == [401, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert shop.get("/status").status_code == 200


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"disabled_at": clock.now()}, "application-disabled"),
        ({"networks": ["203.0.113.0/24"]}, "network-not-allowed"),
        ({"may_send": False}, "permission-missing"),
    ],
)
def test_a_right_secret_that_may_not_be_used_here_is_told_why(
    app: Flask, database: Database, values: dict[str, Any], kind: str
) -> None:
    add_application(database, **values)
    answer = Program(app).get("/messages")
    assert (answer.status_code, answer.json["type"]) == (403, f"/api/v1/docs#{kind}")  # type: ignore[index]


def test_a_secret_is_refused_once_it_has_expired(shop: Program, database: Database) -> None:
    with database.transaction() as session:
        session.scalars(select(Application)).one().secrets[0].expires_at = clock.now() - timedelta(seconds=1)
    assert shop.get("/status").status_code == 401


def test_using_it_is_noted_once_a_minute(shop: Program, database: Database) -> None:
    noted = []
    for _ in range(2):
        shop.get("/status")
        with database.read() as session:
            noted.append(session.scalar(select(Application.last_used_at)))
    assert noted[0] == noted[1] is not None
    with database.transaction() as session:
        session.execute(update(Application).values(last_used_at=clock.now() - timedelta(minutes=2)))
    shop.get("/status")
    with database.read() as session:
        assert (session.scalar(select(Application.last_used_at)) or noted[0]) > noted[0]  # type: ignore[operator]


def test_strangers_may_send_little(app: Flask, shop: Program) -> None:
    large = b'{"to": "' + b"a" * 300_000 + b'"}'
    answers = [
        program.send("POST", "/messages", data=large, content_type="application/json").status_code
        for program in (Program(app, "made-up"), shop)
    ]
    assert answers == [401, 422]
    form = Program(app, "made-up").send(
        "POST", "/messages", data=b"a=" + b"b" * 300_000, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert (form.status_code, form.content_type) == (413, "application/problem+json")
