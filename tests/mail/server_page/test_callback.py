"""Callbacks: each is valid once, in the session that started the authorization."""

from typing import Any

import pytest
from sqlalchemy import select

from tests.conftest import PUBLIC_URL
from tests.mail.page import PAGE
from tests.mail.server_page.authorization import CALLBACK, authorize, grant_events, return_with, saved_grant
from tests.support.authorization import AuthorizationServer
from tests.support.browser import Browser
from webapp.accounts.models import Session
from webapp.accounts.sessions import reauthentication
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.models import GrantStatus

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    ("alter", "text"),
    [
        (lambda query: {}, "started here by you"),
        (lambda query: {"state": query["state"], "error": "access_denied"}, "The request was declined"),
        (lambda query: {"state": query["state"], "error": "<b>x</b>\r\nSet-Cookie: a=b"}, "refused to issue"),
        (lambda query: {"state": query["state"], "error": "token_url_unreachable"}, "refused to issue"),
    ],
)
def test_a_failed_callback_is_explained_on_the_page(
    alter: Any, text: str, administrator: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    page = return_with(administrator, alter(authorize(administrator, provider)))
    assert (page.status_code, page.request.path) == (200, PAGE)
    assert text in page.text
    assert "<b>x</b>" not in page.text
    assert saved_grant(state).status == GrantStatus.NONE  # type: ignore[union-attr]
    assert grant_events(state) == ["grant.refused"]
    assert text not in administrator.get(PAGE).text


def test_a_callback_without_a_session_leaves_no_code_in_the_url(
    administrator: Browser, stranger: Browser, provider: AuthorizationServer
) -> None:
    query = authorize(administrator, provider)
    page = return_with(stranger, query)
    assert "no administrator is signed in" in page.text
    assert query["code"] not in page.request.full_path + page.text
    assert provider.asked == []


def test_a_callback_in_a_members_browser_leaves_no_code_in_the_url(
    member: Browser, provider: AuthorizationServer
) -> None:
    page = return_with(member, {"code": "secret-code", "state": "x"})
    assert (page.status_code, page.request.full_path) == (403, f"{CALLBACK}?")
    assert provider.asked == []


def test_a_callback_needs_no_reauthentication(
    administrator: Browser, provider: AuthorizationServer, state: AppState
) -> None:
    query = authorize(administrator, provider)
    with state.database.transaction() as session:
        for one in session.scalars(select(Session)):
            one.authenticated_at = clock.now() - reauthentication.VALID_FOR
    return_with(administrator, query)
    assert grant_events(state) == ["grant.obtained"]


@pytest.mark.parametrize(
    ("error", "description", "shown"),
    [
        ("invalid_request", "AADSTS500113: No reply address is registered for the application.", True),
        ("invalid_request", "AADSTS50011: The redirect URI does not match those configured.", True),
        ("redirect_uri_mismatch", "", True),
        ("access_denied", "", False),
    ],
)
def test_a_redirect_uri_that_is_not_registered_is_shown_with_the_error(
    error: str, description: str, shown: bool, administrator: Browser, provider: AuthorizationServer
) -> None:
    state = authorize(administrator, provider)["state"]
    page = return_with(administrator, {"state": state, "error": error, "error_description": description}).text
    notice = page.partition('role="alert"')[2].partition("<form")[0]
    assert (f'value="{PUBLIC_URL}{CALLBACK}"' in notice) is shown
