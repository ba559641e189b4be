"""Activating an account and choosing a new password, with a browser."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import delete, select, update

from tests.accounts.conftest import NEW_PASSWORD
from tests.support import browser
from tests.support.browser import Browser
from tests.support.people import add_person
from webapp.accounts.models import Link, LinkPurpose, User, UserState
from webapp.audit import events
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.database import Database

NewLink = Callable[..., str]
Queued = Callable[[], list[tuple[str, str]]]
PATHS = {LinkPurpose.ACTIVATION: "/activate", LinkPurpose.RESET: "/reset-password"}
BOTH = pytest.mark.parametrize("purpose", list(PATHS))


@pytest.fixture
def person(ada: User, pat: User, purpose: LinkPurpose) -> User:
    """Somebody for whom such a link is made."""
    return pat if purpose == LinkPurpose.ACTIVATION else ada


def open_link(stranger: Browser, purpose: LinkPurpose, secret: str) -> str:
    """The text of the page that a link leads to."""
    return stranger.get(f"{PATHS[purpose]}/{secret}").text


def choose(stranger: Browser, purpose: LinkPurpose, password: str = NEW_PASSWORD, confirm: str | None = None) -> str:
    """Send the form of an open link; the path of the page after it."""
    path = PATHS[purpose]
    return stranger.submit(path, password=password, password_confirm=confirm or password).request.path


def test_activating_signs_in(stranger: Browser, pat: User, new_link: NewLink, queued: Queued) -> None:
    open_link(stranger, LinkPurpose.ACTIVATION, new_link(pat, LinkPurpose.ACTIVATION))
    page = stranger.submit("/activate", password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert (page.request.path, "Your account is active" in page.text) == ("/", True)
    assert queued() == [("activated", pat.email)]


@BOTH
def test_a_page_uses_no_link_but_the_one_that_it_shows(
    stranger: Browser, database: Database, person: User, purpose: LinkPurpose, new_link: NewLink
) -> None:
    with database.read() as session:
        state = UserState.PENDING if purpose == LinkPurpose.ACTIVATION else UserState.ACTIVE
        other = session.get_one(User, add_person(database, "eve@example.com", state=state))
    link, shown = new_link(person, purpose), PATHS[purpose]
    open_link(stranger, purpose, link)
    page = stranger.get(shown)
    open_link(stranger, purpose, new_link(other, purpose))
    answer = stranger.submit_on(page, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert (answer.status_code, "Another link was opened" in answer.text) == (409, True)
    open_link(stranger, purpose, link)
    assert choose(stranger, purpose) != shown


def test_whoever_activates_is_spoken_to_in_their_own_language(
    stranger: Browser, pat: User, new_link: NewLink, database: Database
) -> None:
    with database.transaction() as session:
        session.get_one(User, pat.id).language = "de"
    open_link(stranger, LinkPurpose.ACTIVATION, new_link(pat, LinkPurpose.ACTIVATION))
    page = stranger.submit("/activate", password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert "Ihr Konto ist aktiv" in page.text


def test_a_reset_leads_to_the_sign_in_page_and_out_of_every_browser(
    app: Flask, stranger: Browser, member: Browser, new_link: NewLink
) -> None:
    open_link(stranger, LinkPurpose.RESET, new_link(member.user, LinkPurpose.RESET))
    page = stranger.submit("/reset-password", password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert page.request.path == "/login"
    assert "Sign in with the new one" in page.text
    assert member.get("/").request.path == "/login"
    assert stranger.submit_on(page, password=NEW_PASSWORD).request.path == "/"


@pytest.mark.one_database
def test_the_sign_in_page_holds_the_address_once_after_a_reset(stranger: Browser, ada: User, new_link: NewLink) -> None:
    open_link(stranger, LinkPurpose.RESET, new_link(ada, LinkPurpose.RESET))
    page = stranger.submit("/reset-password", password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert f'value="{ada.email}"' in page.text
    assert ada.email not in page.request.url
    assert ada.email not in stranger.get("/login").text


@BOTH
def test_the_secret_leaves_the_address_and_looking_spends_nothing(
    stranger: Browser, database: Database, person: User, purpose: LinkPurpose, new_link: NewLink
) -> None:
    address = f"{PATHS[purpose]}/{new_link(person, purpose)}"
    for look in (stranger.client.head, stranger.client.get):
        answer = look(address)
        assert (answer.status_code, answer.headers["Location"]) == (302, PATHS[purpose])
        assert look(PATHS[purpose]).status_code == 200
    with database.read() as session:
        assert session.get_one(Link, 1).used_at is None
    assert choose(stranger, purpose) in ("/", "/login")


@BOTH
@pytest.mark.parametrize(
    ("password", "confirm", "problem"),
    [
        ("tiny-pw", "tiny-pw", "at least 8"),
        ("long enough", "long enouhg", "not the same"),
        ("x" * 200_000, "x", "Too long"),
    ],
)
def test_a_bad_password_costs_no_link(
    stranger: Browser, person: User, purpose: LinkPurpose, new_link: NewLink, password: str, confirm: str, problem: str
) -> None:
    open_link(stranger, purpose, new_link(person, purpose))
    answer = stranger.submit(PATHS[purpose], password=password, password_confirm=confirm)
    assert re.search(rf'class="error"[^>]*>[^<]*{problem}', answer.text)
    assert password not in answer.text
    assert choose(stranger, purpose) in ("/", "/login")


@BOTH
def test_the_address_is_no_password(stranger: Browser, person: User, purpose: LinkPurpose, new_link: NewLink) -> None:
    open_link(stranger, purpose, new_link(person, purpose))
    answer = stranger.submit(PATHS[purpose], password=person.email, password_confirm=person.email)
    assert "other than your e-mail address" in answer.text


@BOTH
def test_a_stale_form_costs_no_link(stranger: Browser, person: User, purpose: LinkPurpose, new_link: NewLink) -> None:
    open_link(stranger, purpose, new_link(person, purpose))
    fields = {"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD, "csrf_token": "stale"}
    assert "open for too long" in stranger.client.post(PATHS[purpose], data=fields).text
    assert choose(stranger, purpose) in ("/", "/login")


@BOTH
def test_a_second_click_is_told_that_the_first_one_counted(
    app: Flask, stranger: Browser, person: User, purpose: LinkPurpose, new_link: NewLink
) -> None:
    open_link(stranger, purpose, new_link(person, purpose))
    found = stranger.client.get_cookie("mailroom")
    assert found is not None
    fields = {"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD, "csrf_token": stranger.csrf_token()}
    second = Browser(app)
    second.client.set_cookie("mailroom", found.value)
    assert stranger.client.post(PATHS[purpose], data=fields).status_code == 302
    answer = second.client.post(PATHS[purpose], data=fields)
    assert "If that was you just now, sign in" in answer.text
    # What the first click did to the browser's session stands.
    assert "Set-Cookie" not in answer.headers


@BOTH
def test_an_unknown_link_offers_a_new_mail(stranger: Browser, purpose: LinkPurpose) -> None:
    page = stranger.get(f"{PATHS[purpose]}/{'x' * 5000}")
    assert page.status_code == 404
    assert "This link is unknown" in page.text
    assert 'href="/forgot-password"' in page.text


def test_an_expired_activation_link_sends_a_new_mail(
    stranger: Browser, pat: User, new_link: NewLink, queued: Queued
) -> None:
    page = stranger.get(f"/activate/{new_link(pat, LinkPurpose.ACTIVATION, timedelta(seconds=-1))}")
    assert (page.status_code, "has expired" in page.text) == (410, True)
    answers = [stranger.submit_on(page) for _ in range(2)]
    assert "a mail with a new link" in answers[0].text
    assert answers[0].text == answers[1].text
    assert queued() == [("activation", pat.email)]


def test_an_expired_reset_link_leads_to_forgot_password(stranger: Browser, ada: User, new_link: NewLink) -> None:
    page = open_link(stranger, LinkPurpose.RESET, new_link(ada, LinkPurpose.RESET, timedelta(seconds=-1)))
    assert "has expired" in page
    assert 'href="/forgot-password"' in page


@BOTH
def test_a_link_that_another_one_replaced_says_so(
    app: Flask, stranger: Browser, person: User, purpose: LinkPurpose, new_link: NewLink
) -> None:
    first, second = new_link(person, purpose), new_link(person, purpose)
    open_link(stranger, purpose, second)
    choose(stranger, purpose)
    assert "not valid any more" in open_link(Browser(app), purpose, first)


@BOTH
def test_a_disabled_person_is_told_whom_to_ask(
    stranger: Browser, database: Database, person: User, purpose: LinkPurpose, new_link: NewLink
) -> None:
    secret = new_link(person, purpose)
    with database.transaction() as session:
        session.execute(update(User).values(state=UserState.DISABLED))
    page = open_link(stranger, purpose, secret)
    assert "account is disabled" in page
    assert "help@mailroom.example" in page


@BOTH
def test_the_open_form_of_a_deleted_person_says_so(
    stranger: Browser, database: Database, person: User, purpose: LinkPurpose, new_link: NewLink
) -> None:
    open_link(stranger, purpose, new_link(person, purpose))
    with database.transaction() as session:
        session.execute(delete(User))
    answer = stranger.post(PATHS[purpose], password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert (answer.status_code, "This link is unknown" in answer.text) == (404, True)


class TestForgotPassword:
    """Asking for a reset mail."""

    def test_the_answer_is_the_same_for_every_address(self, stranger: Browser, ada: User, queued: Queued) -> None:
        known, unknown, again = (
            re.sub(r'name="csrf_token" value="[^"]*"', "", stranger.submit("/forgot-password", email=email).text)
            for email in (ada.email, "nobody@example.com", "nobody@example.com")
        )
        assert "a mail with a link is on its way" in known
        assert known.replace(ada.email, "nobody@example.com") == unknown == again
        assert queued() == [("reset", ada.email), ("reset", "nobody@example.com")]

    @pytest.mark.parametrize(
        ("email", "problem"),
        [
            ("", "Enter an email address."),
            ("ada", "not an e-mail address"),
            ("ada@example.com,eve@example.com", "one address only"),
            ("ada@example.com\r\nBcc: eve@example.com", "Line breaks"),
            ("x" * 200_000, "Too long"),
        ],
    )
    def test_what_is_no_address_is_told_beside_the_field(
        self, stranger: Browser, queued: Queued, email: str, problem: str
    ) -> None:
        answer = stranger.submit("/forgot-password", email=email)
        assert re.search(rf'class="error"[^>]*>[^<]*{problem}', answer.text)
        assert queued() == []

    def test_addresses_in_utf_8_are_taken(self, stranger: Browser, queued: Queued) -> None:
        assert 'type="email"' not in stranger.get("/forgot-password").text
        stranger.submit("/forgot-password", email="élodie@bücher.example")
        assert queued() == [("reset", "élodie@bücher.example")]


def test_choosing_a_password_signs_the_person_of_before_out(
    member: Browser, database: Database, pat: User, new_link: NewLink
) -> None:
    copied = member.client.get_cookie("mailroom")
    assert copied is not None
    open_link(member, LinkPurpose.ACTIVATION, new_link(pat, LinkPurpose.ACTIVATION))
    choose(member, LinkPurpose.ACTIVATION)
    thief = Browser(member.app)
    thief.client.set_cookie("mailroom", copied.value)
    assert thief.get("/").request.path == "/login"


def test_the_old_password_is_over_after_a_reset(stranger: Browser, ada: User, new_link: NewLink) -> None:
    open_link(stranger, LinkPurpose.RESET, new_link(ada, LinkPurpose.RESET))
    choose(stranger, LinkPurpose.RESET)
    answer = stranger.submit("/login", email=ada.email, password=browser.PASSWORD)
    assert answer.request.path == "/login"


class TestTooOften:
    """Links that nobody was sent, and mails that are asked for again and again."""

    @pytest.mark.one_database
    @BOTH
    def test_guesses_are_limited_and_a_right_link_is_not(
        self, app: Flask, stranger: Browser, person: User, purpose: LinkPurpose, new_link: NewLink
    ) -> None:
        with time_machine.travel(clock.now(), tick=False):
            for _ in range(61):
                answer = stranger.get(f"{PATHS[purpose]}/made-up")
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
            assert Browser(app).get(f"{PATHS[purpose]}/{new_link(person, purpose)}").status_code == 200

    @pytest.mark.one_database
    def test_asking_for_mails_too_often_keeps_what_was_typed_and_is_told_in_the_trail_once(
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
                select(AuditEntry).where(AuditEntry.event == events.REQUESTS_THROTTLED.key)
            ).one()
        assert (throttled.data, throttled.ip_address) == ({"page": "password_links.forgot_password"}, "127.0.0.1")

    @pytest.mark.one_database
    def test_twenty_requests_are_one_mail_and_its_link_stays_good(
        self, app: Flask, stranger: Browser, ada: User, queued: Queued, new_link: NewLink
    ) -> None:
        secret = new_link(ada, LinkPurpose.RESET)
        for _ in range(20):
            Browser(app).submit("/forgot-password", email=ada.email)
        assert queued() == [("reset", ada.email)]
        assert stranger.get(f"/reset-password/{secret}").status_code == 200
