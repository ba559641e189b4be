"""The pages that activate an account or reset a password, and the page that requests a reset."""

import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete, select, update

from tests.accounts.conftest import NEW_PASSWORD, Deliver, NewLink, Queued
from tests.support.browser import PASSWORD, Browser
from tests.support.users import add_user
from webapp.accounts.links.codes import IssuedLink
from webapp.accounts.models import Link, LinkPurpose, User, UserState
from webapp.audit import audit_events
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.database import Database

PATHS = {LinkPurpose.ACTIVATION: "/activate", LinkPurpose.RESET: "/reset-password"}
BOTH = pytest.mark.parametrize("purpose", list(PATHS))
NEW = {"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}

pytestmark = pytest.mark.one_database


@pytest.fixture
def user(ada: User, pat: User, purpose: LinkPurpose) -> User:
    """A user in the state that such a link is for."""
    return pat if purpose == LinkPurpose.ACTIVATION else ada


def open_link(browser: Browser, purpose: LinkPurpose, secret: str) -> str:
    """Open a link and return the page it leads to."""
    return browser.get(f"{PATHS[purpose]}/{secret}").text


def without_token(page: str) -> str:
    return re.sub(r'name="csrf_token" value="[^"]*"', "", page)


def choose_password(browser: Browser, purpose: LinkPurpose) -> str:
    """Choose a password on the page of an open link; return the path of the next page."""
    return browser.submit(PATHS[purpose], **NEW).request.path


def test_activating_signs_in(stranger: Browser, pat: User, new_link: NewLink, queued: Queued) -> None:
    open_link(stranger, LinkPurpose.ACTIVATION, new_link(pat, LinkPurpose.ACTIVATION))
    page = stranger.submit("/activate", **NEW)
    assert (page.request.path, "Your account is active" in page.text) == ("/", True)
    assert queued() == [("activated", pat.email)]


def test_the_message_after_activating_is_in_the_language_of_the_user(
    stranger: Browser, pat: User, new_link: NewLink, database: Database
) -> None:
    with database.transaction() as session:
        session.get_one(User, pat.id).language = "de"
    open_link(stranger, LinkPurpose.ACTIVATION, new_link(pat, LinkPurpose.ACTIVATION))
    assert '<html lang="de"' in stranger.submit("/activate", **NEW).text


def test_a_reset_signs_out_every_browser_and_leads_to_the_login_page(
    stranger: Browser, member: Browser, new_link: NewLink
) -> None:
    open_link(stranger, LinkPurpose.RESET, new_link(member.user, LinkPurpose.RESET))
    page = stranger.submit("/reset-password", **NEW)
    assert (page.request.path, "Sign in with the new password." in page.text) == ("/login", True)
    assert member.get("/").request.path == "/login"
    # The address is filled in, once.
    assert member.user.email not in stranger.get("/login").text
    assert stranger.submit_on(page, password=PASSWORD).request.path == "/login"
    assert stranger.submit("/login", email=member.user.email, password=NEW_PASSWORD).request.path == "/"


@BOTH
def test_opening_a_link_removes_its_secret_from_the_url_and_does_not_use_it(
    stranger: Browser, database: Database, user: User, purpose: LinkPurpose, new_link: NewLink
) -> None:
    url = f"{PATHS[purpose]}/{new_link(user, purpose)}"
    for request in (stranger.client.head, stranger.client.get):
        answer = request(url)
        assert (answer.status_code, answer.headers["Location"]) == (302, PATHS[purpose])
        assert request(PATHS[purpose]).status_code == 200
    with database.read() as session:
        assert session.get_one(Link, 1).used_at is None
    assert choose_password(stranger, purpose) in ("/", "/login")


@pytest.mark.parametrize("taken_along", [".", ",", "%3E", ")", "%20", "%E2%80%9D."])
def test_a_link_works_with_what_a_mail_program_takes_along(
    stranger: Browser, pat: User, new_link: NewLink, taken_along: str
) -> None:
    page = stranger.get(f"/activate/{new_link(pat, LinkPurpose.ACTIVATION)}{taken_along}")
    assert "New password" in page.text


def test_a_very_long_link_is_refused_at_once(stranger: Browser) -> None:
    started = time.thread_time()
    assert stranger.get(f"/activate/{'.' * 60_000}a").status_code == 404
    assert time.thread_time() - started < 3


@BOTH
def test_a_form_uses_only_the_link_of_its_own_page(
    stranger: Browser, database: Database, user: User, purpose: LinkPurpose, new_link: NewLink
) -> None:
    other_id = add_user(database, "eve@example.com", state=UserState(user.state))
    with database.read() as session:
        other = session.get_one(User, other_id)
    link = new_link(user, purpose)
    open_link(stranger, purpose, link)
    page = stranger.get(PATHS[purpose])
    open_link(stranger, purpose, new_link(other, purpose))
    answer = stranger.submit_on(page, **NEW)
    assert (answer.status_code, "Another link has since been opened" in answer.text) == (409, True)
    open_link(stranger, purpose, link)
    assert choose_password(stranger, purpose) != PATHS[purpose]


@BOTH
@pytest.mark.parametrize(
    ("password", "confirm", "problem"),
    [
        ("tiny-pw", "tiny-pw", "at least 8"),
        ("long enough", "long enouhg", "The passwords don&#39;t match"),
        ("x" * 200_000, "x", "Too long"),
        ("{email}", "{email}", "Don&#39;t use your email address"),
    ],
)
def test_a_rejected_password_leaves_the_link_valid(
    stranger: Browser, user: User, purpose: LinkPurpose, new_link: NewLink, password: str, confirm: str, problem: str
) -> None:
    password, confirm = password.format(email=user.email.upper()), confirm.format(email=user.email.upper())
    open_link(stranger, purpose, new_link(user, purpose))
    answer = stranger.submit(PATHS[purpose], password=password, password_confirm=confirm)
    assert re.search(rf'class="error"[^>]*>[^<]*{problem}', answer.text)
    assert password not in answer.text
    assert choose_password(stranger, purpose) in ("/", "/login")


@BOTH
def test_a_second_click_learns_that_the_first_one_worked(
    app: Flask, stranger: Browser, user: User, purpose: LinkPurpose, new_link: NewLink
) -> None:
    open_link(stranger, purpose, new_link(user, purpose))
    link_cookie, fields = stranger.client.get_cookie("mailroom"), NEW | {"csrf_token": stranger.csrf_token()}
    second, visitor = Browser(app), stranger.client.get_cookie("mailroom_visitor")
    assert link_cookie is not None
    assert visitor is not None
    second.client.set_cookie("mailroom", link_cookie.value)
    second.client.set_cookie("mailroom_visitor", visitor.value)
    assert stranger.client.post(PATHS[purpose], data=fields).status_code == 302
    answer = second.client.post(PATHS[purpose], data=fields)
    assert "If you just used it yourself, sign in" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_who_is_signed_in_is_not_asked_to_sign_in_after_opening_a_used_link(
    stranger: Browser, pat: User, new_link: NewLink
) -> None:
    secret = new_link(pat, LinkPurpose.ACTIVATION)
    open_link(stranger, LinkPurpose.ACTIVATION, secret)
    stranger.submit("/activate", **NEW)
    page = open_link(stranger, LinkPurpose.ACTIVATION, secret)
    assert "This link has already been used." in page
    assert "sign in" not in page.lower()
    assert "Go to Home" in page


class TestRefusedLinks:
    """Each page says what is wrong with the link, and what helps."""

    @BOTH
    def test_an_unknown_link_offers_to_request_a_new_one(self, stranger: Browser, purpose: LinkPurpose) -> None:
        page = stranger.get(f"{PATHS[purpose]}/{'x' * 5000}")
        assert (page.status_code, "recognize this link" in page.text) == (404, True)
        assert 'href="/forgot-password"' in page.text

    def test_an_expired_activation_link_is_renewed_with_one_click(
        self, stranger: Browser, pat: User, new_link: NewLink, queued: Queued
    ) -> None:
        page = stranger.get(f"/activate/{new_link(pat, LinkPurpose.ACTIVATION, timedelta(seconds=-1))}")
        assert (page.status_code, "has expired" in page.text) == (410, True)
        answers = [stranger.submit_on(page) for _ in range(2)]
        assert "a new link" in answers[0].text
        assert answers[0].text == answers[1].text
        assert queued() == [("activation", pat.email)]

    def test_an_expired_reset_link_leads_to_forgot_password(
        self, stranger: Browser, ada: User, new_link: NewLink
    ) -> None:
        page = open_link(stranger, LinkPurpose.RESET, new_link(ada, LinkPurpose.RESET, timedelta(seconds=-1)))
        assert "has expired" in page
        assert 'href="/forgot-password"' in page

    @BOTH
    def test_a_disabled_user_learns_whom_to_ask(
        self, stranger: Browser, database: Database, user: User, purpose: LinkPurpose, new_link: NewLink
    ) -> None:
        secret = new_link(user, purpose)
        with database.transaction() as session:
            session.execute(update(User).values(state=UserState.DISABLED))
        page = open_link(stranger, purpose, secret)
        assert "account is disabled" in page
        assert "help@mailroom.example" in page

    @BOTH
    def test_the_open_form_of_a_deleted_user_is_refused(
        self, stranger: Browser, database: Database, user: User, purpose: LinkPurpose, new_link: NewLink
    ) -> None:
        open_link(stranger, purpose, new_link(user, purpose))
        with database.transaction() as session:
            session.execute(delete(User))
        answer = stranger.post(PATHS[purpose], True, **NEW)
        assert (answer.status_code, "recognize this link" in answer.text) == (404, True)


class TestAnotherUsersBrowser:
    """A link that is opened where somebody else is signed in."""

    @BOTH
    def test_the_page_says_who_is_signed_in_and_whose_link_it_is(
        self, administrator: Browser, user: User, purpose: LinkPurpose, new_link: NewLink
    ) -> None:
        page = open_link(administrator, purpose, new_link(user, purpose)).replace("<wbr>", "")
        note = page[page.index("This browser is signed in as") :]
        assert note.index(administrator.user.email) < note.index("for another account") < note.index(user.email)

    @BOTH
    def test_who_is_signed_in_stays_so_unless_they_choose_otherwise(
        self, administrator: Browser, user: User, purpose: LinkPurpose, new_link: NewLink
    ) -> None:
        open_link(administrator, purpose, new_link(user, purpose))
        page = administrator.submit(PATHS[purpose], **NEW)
        assert "still signed in to a different account" in page.text
        assert administrator.get("/users").request.path == "/users"
        assert Browser(administrator.app, user.id).sign_in(NEW_PASSWORD).request.path == "/"

    @BOTH
    def test_they_can_give_the_browser_to_the_user_of_the_link(
        self, administrator: Browser, user: User, purpose: LinkPurpose, new_link: NewLink
    ) -> None:
        copied = administrator.client.get_cookie("mailroom_session")
        open_link(administrator, purpose, new_link(user, purpose))
        administrator.submit(PATHS[purpose], "switch", **NEW)
        assert administrator.user.email not in administrator.get("/profile").text
        thief = Browser(administrator.app)
        assert copied is not None
        thief.client.set_cookie("mailroom_session", copied.value)
        assert thief.get("/").request.path == "/login"

    def test_a_code_asks_the_same(
        self, administrator: Browser, pat: User, issue_link: Callable[..., IssuedLink]
    ) -> None:
        code = issue_link(pat, LinkPurpose.ACTIVATION).code
        page = administrator.submit("/code", email=pat.email, code=code)
        assert "This browser is signed in as" in page.text
        administrator.submit_on(page, **NEW)
        assert administrator.get("/users").request.path == "/users"

    def test_ones_own_reset_link_asks_nothing(self, member: Browser, new_link: NewLink) -> None:
        page = open_link(member, LinkPurpose.RESET, new_link(member.user, LinkPurpose.RESET))
        assert "This browser is signed in as" not in page
        assert choose_password(member, LinkPurpose.RESET) == "/login"


class TestForgotPassword:
    """Requesting a reset email."""

    @pytest.mark.parametrize("works", [True, False])
    def test_the_response_is_the_same_for_every_address(
        self, stranger: Browser, ada: User, queued: Queued, request: pytest.FixtureRequest, works: bool
    ) -> None:
        if works:
            request.getfixturevalue("inbox")
        known, unknown, again = (
            stranger.submit("/forgot-password", email=email).text
            for email in (ada.email, "nobody@example.com", "nobody@example.com")
        )
        assert ("an email with a link is on its way" in known) == works
        assert ("Mail is not going out at the moment" in known) == (not works)
        assert without_token(known).replace(ada.email, "nobody@example.com") == without_token(unknown)
        assert unknown == again
        assert queued() == [("reset", ada.email), ("reset", "nobody@example.com")]

    def test_the_page_says_so_when_mail_is_not_going_out(
        self, stranger: Browser, enqueue: Callable[..., int], use_server: Callable[..., None], deliver: Deliver
    ) -> None:
        use_server()
        enqueue()
        deliver()
        assert "Mail is not going out" in stranger.submit("/forgot-password", email="ada@example.com").text

    def test_internationalised_addresses_are_accepted(self, stranger: Browser, queued: Queued) -> None:
        assert 'type="email"' not in stranger.get("/forgot-password").text
        stranger.submit("/forgot-password", email="élodie@bücher.example")
        assert queued() == [("reset", "élodie@bücher.example")]

    def test_too_many_requests_keep_the_address_and_are_recorded_once(
        self, stranger: Browser, database: Database, queued: Queued
    ) -> None:
        with time_machine.travel(clock.now(), tick=False):
            for number in [*range(30), 30, 30]:
                answer = stranger.submit("/forgot-password", email=f"p{number}@example.com")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "20")
        assert 'value="p30@example.com"' in answer.text
        assert len(queued()) == 30
        with database.read() as session:
            throttled = session.scalars(
                select(AuditEntry).where(AuditEntry.event == audit_events.REQUESTS_THROTTLED.key)
            ).one()
        assert (throttled.data, throttled.ip_address) == ({"page": "password_links.forgot_password"}, "127.0.0.1")


@BOTH
def test_unknown_links_are_limited_and_valid_ones_are_not(
    app: Flask, stranger: Browser, user: User, purpose: LinkPurpose, new_link: NewLink
) -> None:
    with time_machine.travel(clock.now(), tick=False):
        for _ in range(61):
            answer = stranger.get(f"{PATHS[purpose]}/made-up")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
        assert Browser(app).get(f"{PATHS[purpose]}/{new_link(user, purpose)}").status_code == 200
