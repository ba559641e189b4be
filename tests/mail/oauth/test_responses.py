"""What a browser brings back from the provider: an answer counts once, in the browser that asked for it."""

from typing import Any

import pytest
from sqlalchemy import select

from tests.mail.page import PAGE
from tests.mail.server_page.authorization import CALLBACK, authorize, grant_events, return_with, saved_grant
from tests.support.authorization import AuthorizationServer
from tests.support.browser import Browser
from tests.support.people import add_person
from webapp.accounts.models import Role, Session
from webapp.accounts.sessions import reauthentication
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.models import GrantStatus

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (lambda query: {}, "was not begun here by you"),
        (lambda query: query | {"state": "wrong"}, "was not begun here by you"),
        (lambda query: query | {"iss": "https://attacker.example"}, "another provider than was asked"),
        (lambda query: {"state": query["state"], "error": "access_denied"}, "The request was declined"),
        (lambda query: {"state": query["state"], "error": "server_error"}, "cannot give out access tokens"),
        (lambda query: {"state": query["state"], "error": "<b>x</b>\r\nSet-Cookie: a=b"}, "refused to give"),
        (lambda query: query | {"code": "another"}, "no longer accepts the sign-in"),
    ],
)
def test_an_answer_that_is_no_use_ends_on_the_form(
    alter: Any, words: str, administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    page = return_with(administrator, alter(authorize(administrator, provider)))
    assert (page.status_code, page.request.path) == (200, PAGE)
    assert words in page.text
    assert "<b>x</b>" not in page.text
    assert saved_grant(parts).status == GrantStatus.NONE  # type: ignore[union-attr]
    assert grant_events(parts) == ["grant.refused"]
    assert words not in administrator.get(PAGE).text


def test_an_answer_counts_once(administrator: Browser, provider: AuthorizationServer, parts: AppState) -> None:
    query = authorize(administrator, provider)
    return_with(administrator, query)
    assert "was not begun here by you" in return_with(administrator, query).text
    assert grant_events(parts) == ["grant.obtained", "grant.refused"]


def test_an_answer_in_a_browser_that_is_not_signed_in_leaves_nothing_in_its_address(
    administrator: Browser, stranger: Browser, provider: AuthorizationServer
) -> None:
    query = authorize(administrator, provider)
    page = return_with(stranger, query)
    assert "no administrator is signed in" in page.text
    assert query["code"] not in page.request.full_path + page.text
    assert provider.asked == []


def test_an_answer_in_a_members_browser_leaves_nothing_in_its_address(
    member: Browser, provider: AuthorizationServer
) -> None:
    page = return_with(member, {"code": "secret-code", "state": "x"})
    assert (page.status_code, page.request.full_path) == (403, f"{CALLBACK}?")
    assert provider.asked == []


def test_another_administrators_answer_is_refused(
    administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    query = authorize(administrator, provider)
    other = Browser(administrator.app, add_person(parts.database, "eve@mailroom.example", Role.ADMINISTRATOR))
    other.let_in()
    assert "was not begun here by you" in return_with(other, query).text
    assert provider.asked == []


def test_answers_that_take_longer_than_the_password_holds_still_count(
    administrator: Browser, provider: AuthorizationServer, parts: AppState
) -> None:
    query = authorize(administrator, provider)
    with parts.database.transaction() as session:
        for one in session.scalars(select(Session)):
            one.authenticated_at = clock.now() - reauthentication.VALID_FOR
    return_with(administrator, query)
    assert grant_events(parts) == ["grant.obtained"]
