"""The pages on which a new email address is requested, confirmed and undone."""

import re
from datetime import timedelta

import pytest
from flask import Flask

from tests.accounts.conftest import NEW_EMAIL, NEW_PASSWORD, Deliver, Queued, has_field_error
from tests.support.browser import PASSWORD, Browser
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database

OLD = "old@mailroom.example"


def request_change(member: Browser, email: str = NEW_EMAIL) -> str:
    """Request another address, and return the page that follows."""
    return member.submit("/profile", email=email, current_password=PASSWORD).text


@pytest.mark.one_database
def test_too_many_requests_keep_what_was_entered_and_say_when_to_try_again(member: Browser) -> None:
    request_change(member)
    page = member.post("/profile/address", email=NEW_EMAIL, current_password=PASSWORD)
    assert (page.status_code, page.headers["Retry-After"]) == (429, "300")
    assert f'value="{NEW_EMAIL}"' in page.text
    assert "Try again in 5 minutes." in page.text


@pytest.fixture
def undo(member: Browser, state: AppState) -> str:
    """The path of a link that gives the member the address OLD back."""
    until = clock.now() + timedelta(hours=1)
    with state.database.transaction() as session:
        return "/restore-address/" + links.create(session, member.user, LinkPurpose.RESTORE_ADDRESS, until, OLD)


def test_an_address_can_be_changed_and_restored(
    app: Flask, member: Browser, stranger: Browser, inbox: Inbox, deliver: Deliver
) -> None:
    old = member.user.email
    assert f"Look for an email to {NEW_EMAIL}" in request_change(member)
    deliver()
    stranger.get(inbox.last.link)
    page = stranger.submit("/confirm-address")
    assert (page.request.path, f"address is now {NEW_EMAIL}" in page.text) == ("/login", True)
    assert member.user.email == NEW_EMAIL
    deliver()
    undo = inbox.last.link
    assert Browser(app, member.user_id).sign_in().status_code == 200
    page = stranger.submit_on(stranger.get(undo), password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert (page.request.path, f"address is {old} again" in page.text) == ("/login", True)
    assert member.user.email == old
    assert member.get("/").request.path == "/login"
    assert member.sign_in(NEW_PASSWORD).status_code == 200


def test_a_pending_change_can_be_resent_or_cancelled(member: Browser, queued: Queued) -> None:
    assert "/profile/address/cancel" not in member.get("/profile").text
    page = request_change(member)
    assert f"<bdi>{NEW_EMAIL}</bdi>" in page
    assert "/profile/address/again" in page
    assert member.post("/profile/address/again").status_code == 429
    page = member.post("/profile/address/cancel").text
    assert "Address change canceled." in page
    assert f"<bdi>{NEW_EMAIL}</bdi>" not in page
    assert member.post("/profile/address/again").status_code == 404


def test_a_request_does_not_reveal_which_addresses_are_taken(member: Browser, administrator: Browser) -> None:
    taken = administrator.user.email
    pages = [request_change(member, email).replace(email, "") for email in (taken, "free@mailroom.example")]
    assert "Look for an email to" in pages[0]
    assert len({re.sub(r'name="csrf_token" value="[^"]*"|<time.*?</time>', "", page) for page in pages}) == 1


def test_who_asks_for_an_address_after_somebody_else_is_not_told_that_an_email_is_on_its_way(
    member: Browser, administrator: Browser, queued: Queued
) -> None:
    pages = [request_change(browser).replace(browser.user.email, "") for browser in (administrator, member)]
    assert queued() == [("confirm_address", NEW_EMAIL)]
    assert all("is on its way" not in page and "we emailed" not in page for page in pages)
    assert all("resend it below" in page for page in pages)


def test_the_page_behind_the_link_says_that_the_address_is_taken(
    member: Browser, stranger: Browser, database: Database, inbox: Inbox, deliver: Deliver
) -> None:
    request_change(member)
    deliver()
    add_user(database, NEW_EMAIL)
    page = stranger.get(inbox.last.link)
    assert (page.status_code, "An account with this address already exists" in page.text) == (409, True)
    assert stranger.post("/confirm-address").status_code == 409


@pytest.mark.parametrize(
    ("email", "problem"),
    [
        ("max@mailroom.example", "already your address"),
        ("max@MAILROOM.example", "already your address"),
        ("a@b.example,c@d.example", "Enter only one address"),
    ],
)
def test_an_invalid_address_is_an_error_beside_the_field(
    member: Browser, queued: Queued, email: str, problem: str
) -> None:
    assert has_field_error(request_change(member, email), problem)
    assert queued() == []


def test_an_unknown_link_offers_a_next_step(stranger: Browser) -> None:
    for secret in ["made-up", "x" * 5000, "%00"]:
        for path in ["/confirm-address", "/restore-address"]:
            page = stranger.get(f"{path}/{secret}")
            assert (page.status_code, 'href="/profile"' in page.text) == (404, True)


def test_the_code_from_the_email_does_the_same_as_the_link(member: Browser, inbox: Inbox, deliver: Deliver) -> None:
    request_change(member)
    deliver()
    page = member.submit("/profile", code="ABCD-EFGH")
    assert has_field_error(page.text, "This code is wrong")
    page = member.submit_on(page, code=inbox.last.code.lower())
    assert page.request.path == "/confirm-address"
    member.submit_on(page)
    assert member.user.email == NEW_EMAIL


def test_the_code_does_not_work_for_another_user(
    member: Browser, administrator: Browser, inbox: Inbox, deliver: Deliver
) -> None:
    request_change(member)
    deliver()
    request_change(administrator, "other@new.example")
    assert has_field_error(administrator.submit("/profile", code=inbox.last.code).text, "This code is wrong")


class TestAnotherUsersBrowser:
    """A link that is opened where another user is signed in."""

    def test_confirming_says_who_is_signed_in_here(
        self, member: Browser, administrator: Browser, inbox: Inbox, deliver: Deliver
    ) -> None:
        request_change(member)
        deliver()
        assert "This browser is signed in as" in administrator.get(inbox.last.link).text
        page = administrator.submit("/confirm-address")
        assert "still signed in to a different account" in page.text
        assert administrator.user.email in page.text
        assert member.user.email == NEW_EMAIL

    def test_undoing_a_change_leaves_the_other_user_signed_in(
        self, member: Browser, administrator: Browser, undo: str
    ) -> None:
        page = administrator.get(undo)
        assert "This browser is signed in as" in page.text
        page = administrator.submit_on(page, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
        assert f"address is {OLD} again" in page.text
        assert "still signed in to a different account" in page.text
        assert (member.user.email, member.get("/").request.path) == (OLD, "/login")
        assert administrator.get("/users").request.path == "/users"


@pytest.mark.parametrize("fields", [{}, {"password": "12345678", "password_confirm": "12345678"}])
def test_a_change_is_not_undone_by_a_button_alone(
    member: Browser, stranger: Browser, undo: str, fields: dict[str, str]
) -> None:
    email = member.user.email
    page = stranger.submit_on(stranger.get(undo), **fields)
    assert (page.request.path, member.user.email) == ("/restore-address", email)
    assert member.get("/").request.path == "/"
