"""Protection against cross-site request forgery."""

import re

import pytest
from flask import Flask
from sqlalchemy import delete, select, text

from tests.support.browser import Browser
from webapp.accounts.models import Session
from webapp.core.database import Database
from webapp.web import cookies

pytestmark = pytest.mark.one_database


def token_on(browser: Browser, path: str) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', browser.get(path).text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("token", [None, "", "0" * 64, "ü"])
def test_a_post_without_a_valid_token_is_refused_with_a_page(member: Browser, token: str | None) -> None:
    answer = member.client.post("/logout", data={} if token is None else {"csrf_token": token})
    assert (answer.status_code, "This page has expired" in answer.text) == (400, True)
    assert member.get("/").request.path == "/"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_view_is_protected_unless_it_is_exempt(app: Flask, administrator: Browser, method: str) -> None:
    app.add_url_rule("/change", "home.change", lambda: "changed", methods=[method])
    assert administrator.client.open("/change", method=method).status_code == 400


def test_the_token_stays_the_same_in_every_window(stranger: Browser, member: Browser) -> None:
    assert token_on(stranger, "/login") == token_on(stranger, "/forgot-password")
    assert token_on(member, "/profile") == token_on(member, "/")


def test_the_token_of_a_visitor_or_another_session_is_refused(
    stranger: Browser, member: Browser, administrator: Browser
) -> None:
    for token in (stranger.csrf_token(), administrator.csrf_token()):
        assert member.client.post("/logout", data={"csrf_token": token}).status_code == 400


def test_a_token_from_before_an_older_backup_was_restored_is_refused(member: Browser, database: Database) -> None:
    token = member.csrf_token()
    with database.transaction() as session:
        session.execute(delete(Session))
        # Ids are given again, as the backup knows.
        session.execute(text("DELETE FROM sqlite_sequence WHERE name = 'sessions'"))
    member.start_session()
    with database.read() as session:
        assert session.scalars(select(Session.id)).all() == [1]
    assert member.client.post("/logout", data={"csrf_token": token}).status_code == 400


def test_the_visitor_cookie_is_set_once(stranger: Browser) -> None:
    assert cookies.VISITOR in stranger.get("/login").headers["Set-Cookie"]
    answers = [stranger.get("/login"), stranger.post("/login", email="ada@example.com", password="wrong")]
    assert [answer.headers.get("Set-Cookie") for answer in answers] == [None, None]
