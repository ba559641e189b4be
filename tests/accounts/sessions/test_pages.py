"""Signing in and out with a browser."""

import re
import time
from datetime import timedelta
from functools import partial
from unittest import mock

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update
from werkzeug.datastructures import MultiDict
from werkzeug.test import Cookie

from tests.accounts.conftest import run_at_once
from tests.support.browser import PASSWORD, Browser
from tests.support.people import add_person
from webapp.accounts.models import Session, User, UserState
from webapp.accounts.sessions import known_devices
from webapp.accounts.users import administration
from webapp.core import clock
from webapp.core.database import Database

TOKEN = re.compile(r'name="csrf_token"[^>]*value="[^"]*"')
NEW = "another long sentence 8"


def session_cookie(browser: Browser) -> Cookie:
    """The session cookie."""
    found = browser.client.get_cookie("mailroom")
    assert found is not None
    return found


def cookie(browser: Browser) -> str:
    """Its value."""
    return session_cookie(browser).value


def refusal(stranger: Browser, email: str, password: str) -> str:
    """The page that comes back, without its CSRF token and what was typed."""
    answer = stranger.submit("/login", email=email, password=password)
    assert answer.request.path == "/login"
    return TOKEN.sub("", answer.text).replace(email, "")


def test_a_person_gets_to_the_page_they_wanted(stranger: Browser, ada: User) -> None:
    page = stranger.get("/")
    assert page.request.path == "/login"
    answer = stranger.submit_on(page, email="ADA@example.com", password=PASSWORD)
    assert (answer.status_code, answer.request.path) == (200, "/")


def test_next_never_leaves_the_site(stranger: Browser, ada: User) -> None:
    page = stranger.client.get("/login?next=https://evil.example/")
    answer = stranger.submit_on(page, email=ada.email, password=PASSWORD)
    assert answer.request.base_url == "http://localhost/"


def test_nobody_is_told_which_addresses_have_accounts(stranger: Browser, database: Database, ada: User) -> None:
    add_person(database, "pat@example.com", state=UserState.PENDING)
    add_person(database, "dis@example.com", state=UserState.DISABLED)
    answers = [
        refusal(stranger, "nobody@example.com", PASSWORD),
        refusal(stranger, ada.email, "wrong password"),
        refusal(stranger, "pat@example.com", PASSWORD),
        refusal(stranger, "dis@example.com", PASSWORD),
    ]
    assert "do not fit together" in answers[0]
    assert len(set(answers)) == 1


def test_the_password_is_never_sent_back(stranger: Browser, ada: User) -> None:
    answer = stranger.submit("/login", email=ada.email, password="a wrong one, long enough")
    assert ada.email in answer.text
    assert "a wrong one, long enough" not in answer.text


def test_a_sign_in_replaces_the_session_of_before(stranger: Browser, ada: User) -> None:
    with stranger.client.session_transaction() as session:
        session["planted"] = "by somebody else"
        session["csrf_token"] = "known to somebody else"
    stranger.submit("/login", email=ada.email, password=PASSWORD)
    with stranger.client.session_transaction() as session:
        assert "planted" not in session
        assert session.get("csrf_token") != "known to somebody else"


def test_signing_in_again_ends_the_sign_in_of_before(database: Database, member: Browser) -> None:
    member.post("/login", email=member.user.email, password=PASSWORD)
    with database.read() as session:
        assert len(session.scalars(select(Session)).all()) == 1


def test_a_sign_in_that_no_browser_gets_is_none(
    database: Database, stranger: Browser, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = stranger.get("/login")
    with monkeypatch.context() as broken:
        broken.setattr(known_devices, "remember", mock.Mock(side_effect=RuntimeError("the process ends here")))
        assert stranger.submit_on(page, email=ada.email, password=PASSWORD).status_code == 500
    with database.read() as session:
        assert session.scalars(select(Session)).all() == []


def test_signing_in_again_and_being_disabled_at_once_both_end(
    app: Flask, database: Database, administrator: Browser, ada: User
) -> None:
    for number in range(30):
        browser = Browser(app, ada.id)
        browser.let_in()
        again = partial(browser.post, "/login", follow=False, email=ada.email, password=PASSWORD)
        answer, disabled = run_at_once([again, partial(disable, database, ada.id, administrator.user, number / 1000)])
        assert (getattr(answer, "status_code", answer) in (200, 302), disabled) == (True, None)
        with database.transaction() as session:
            assert session.scalars(select(Session).where(Session.user_id == ada.id)).all() == []
            administration.enable(session, ada.id, administrator.user)
            administration.unlock(session, ada.id, administrator.user)


def disable(database: Database, user_id: int, by: User, seconds: float) -> None:
    time.sleep(seconds)
    with database.transaction() as session:
        administration.disable(session, user_id, by)


def test_a_copied_cookie_is_worthless_after_signing_out(app: Flask, member: Browser) -> None:
    copied, thief = cookie(member), Browser(app)
    thief.client.set_cookie("mailroom", copied)
    assert thief.get("/").request.path == "/"
    member.submit("/")
    assert thief.get("/").request.path == "/login"
    assert member.get("/").request.path == "/login"


def test_signing_out_needs_a_click(member: Browser) -> None:
    assert member.get("/logout").status_code == 405
    assert member.client.post("/logout").status_code == 400
    assert member.get("/").request.path == "/"


def test_a_person_who_is_disabled_is_out_at_the_next_click(database: Database, member: Browser) -> None:
    with database.transaction() as session:
        session.execute(update(User).values(state=UserState.DISABLED))
    assert member.get("/").request.path == "/login"


def test_too_many_tries_are_told_when_to_go_on_and_what_helps(stranger: Browser, ada: User) -> None:
    with time_machine.travel(clock.now(), tick=False):
        for _ in range(11):
            answer = stranger.submit("/login", email=ada.email, password="wrong")
        other = [stranger.submit("/login", email="nobody@example.com", password="wrong") for _ in range(11)][-1]
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
    assert "Try again in 15 minutes." in answer.text
    assert "Choose a new one" in answer.text
    assert f'value="{ada.email}"' in answer.text
    assert TOKEN.sub("", answer.text) == TOKEN.sub("", other.text).replace("nobody@example.com", ada.email)


class TestWithoutLimits:
    """For load tests."""

    @pytest.fixture
    def config_values(self) -> dict[str, str]:
        return {"rate_limits": "off"}

    def test_tries_do_not_count(self, stranger: Browser) -> None:
        for _ in range(11):
            answer = stranger.submit("/login", email="ada@example.com", password="wrong")
        assert answer.status_code == 200


def test_a_form_that_was_open_for_too_long_comes_back_with_what_was_typed(stranger: Browser, ada: User) -> None:
    answer = stranger.client.post("/login", data={"email": ada.email, "password": PASSWORD, "csrf_token": "stale"})
    assert "open for too long" in answer.text
    assert f'value="{ada.email}"' in answer.text
    assert stranger.submit_on(answer, password=PASSWORD).request.path == "/"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ([("email", ""), ("password", "x")], "Enter your email address."),
        ([("email", "ada@example.com")], "Enter your password."),
        ([("email", "a"), ("email", "b"), ("password", "x")], "sent twice"),
        ([("email", "x" * 200_000), ("password", "x")], "Too long"),
        ([("email", "ada@example.com"), ("password", "x" * 200_000)], "Too long"),
        ([("email", "ada\0@example.com"), ("password", "x")], "control characters"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(stranger: Browser, fields: list[tuple[str, str]], problem: str) -> None:
    data = MultiDict([*fields, ("csrf_token", stranger.csrf_token())])
    answer = stranger.client.post("/login", data=data)
    assert answer.status_code == 200
    assert re.search(rf'class="error" id="[a-z]+-error">[^<]*{problem}', answer.text)


class TestRememberMe:
    """Staying signed in when the browser is closed."""

    def test_the_cookie_outlives_the_browsers_closing_only_if_that_is_wanted(
        self, stranger: Browser, ada: User
    ) -> None:
        stranger.submit("/login", email=ada.email, password=PASSWORD)
        assert session_cookie(stranger).expires is None
        stranger.post("/logout")
        stranger.submit("/login", email=ada.email, password=PASSWORD, remember=True)
        expires = session_cookie(stranger).expires
        assert expires is not None
        assert abs(expires - clock.now() - timedelta(days=30)) < timedelta(minutes=1)
        stranger.post("/logout")
        assert session_cookie(stranger).expires is None

    def test_the_choice_survives_a_mistake(self, stranger: Browser, ada: User) -> None:
        page = stranger.submit("/login", email=ada.email, password="wrong", remember=True)
        assert re.search(r'<input[^>]* checked[^>]* name="remember"', page.text)

    def test_it_lasts_for_days_without_use(self, stranger: Browser, ada: User) -> None:
        stranger.submit("/login", email=ada.email, password=PASSWORD, remember=True)
        with time_machine.travel(clock.now() + timedelta(days=29)):
            assert stranger.get("/").request.path == "/"
        with time_machine.travel(clock.now() + timedelta(days=31)):
            assert stranger.get("/").request.path == "/login"

    def test_the_cookie_stays_as_it_was_when_the_password_is_changed(self, stranger: Browser, ada: User) -> None:
        stranger.submit("/login", email=ada.email, password=PASSWORD, remember=True)
        before = session_cookie(stranger)
        fields = {"current_password": PASSWORD, "password": NEW, "password_confirm": NEW}
        stranger.submit("/profile", **fields)
        after = session_cookie(stranger)
        assert (after.expires, after.value != before.value) == (before.expires, True)
