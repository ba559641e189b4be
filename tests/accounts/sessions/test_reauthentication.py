"""Entering the password again before something is changed."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
import time_machine
from sqlalchemy import select

from tests.accounts.conftest import NEW_PASSWORD as WRONG
from tests.accounts.conftest import run_at_once
from tests.support.browser import PASSWORD, Browser
from webapp.accounts.models import Session, User
from webapp.accounts.passwords import hashing
from webapp.accounts.sessions import reauthentication
from webapp.accounts.sessions import service as sessions
from webapp.accounts.sessions.reauthentication import (
    FORM_KEPT_FOR,
    VALID_FOR,
    SessionEnded,
    TooManyWrongPasswords,
    WrongPassword,
    is_due,
)
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.mail import servers
from webapp.settings import service as settings
from webapp.web import cookies

SERVER: dict[str, Any] = {
    "provider": "custom", "mail_from": "mail@mailroom.example", "host": "smtp.example.com", "port": "587",
    "security": "starttls", "authentication": "password", "username": "mailroom", "password": "typed secret",
}  # fmt: skip

pytestmark = pytest.mark.one_database


@pytest.fixture
def later(administrator: Browser) -> Iterator[None]:
    """Fifteen minutes after the administrator signed in."""
    with time_machine.travel(clock.now() + VALID_FOR):
        yield


def only_session(database: Database) -> Session:
    with database.read() as session:
        return session.scalars(select(Session)).one()


def product_name(state: AppState) -> str:
    with state.database.read() as session:
        return settings.general(session, state.config).product_name


def test_within_fifteen_minutes_the_password_is_not_asked_for(administrator: Browser, state: AppState) -> None:
    with time_machine.travel(clock.now() + VALID_FOR - timedelta(seconds=5)):
        administrator.post("/settings/general", public_url="https://mailroom.example", product_name="Post")
    assert product_name(state) == "Post"


@pytest.mark.usefixtures("later")
class TestOpeningAForm:
    """The password is asked for before a page with a form is shown."""

    def test_the_password_leads_to_the_requested_page(self, administrator: Browser) -> None:
        asked = administrator.get("/users/new?from=list")
        assert "Confirm it's you" in asked.text
        page = administrator.submit_on(asked, current_password=PASSWORD)
        assert page.request.full_path == "/users/new?from=list"
        assert administrator.get("/settings/mail", follow=False).status_code == 200

    @pytest.mark.parametrize("path", ["/users?search=ada", "/settings/general", "/settings", "/audit?event=locked"])
    def test_settings_users_and_the_audit_log_ask_before_showing_anything(
        self, administrator: Browser, path: str
    ) -> None:
        asked = administrator.get(path)
        assert (asked.request.path, asked.request.args["next"]) == ("/confirm", path)

    @pytest.mark.parametrize("path", ["/", "/charts/waiting.svg?period=7d&size=wide", "/outbox", "/profile"])
    def test_home_its_charts_the_outbox_and_the_profile_do_not_ask(self, administrator: Browser, path: str) -> None:
        assert administrator.get(path, follow=False).status_code == 200

    def test_the_password_for_a_download_leads_to_its_page(self, administrator: Browser) -> None:
        asked = administrator.get("/audit.csv?event=signed+in")
        page = administrator.submit_on(asked, current_password=PASSWORD)
        assert page.request.full_path == "/audit?event=signed+in"

    def test_a_next_url_that_is_no_page_leads_home(self, administrator: Browser) -> None:
        page = administrator.submit("/confirm?next=/logout", current_password=PASSWORD)
        assert (page.status_code, page.request.path) == (200, "/")

    def test_the_session_gets_a_new_token(self, administrator: Browser) -> None:
        before = administrator.client.get_cookie(cookies.SESSION)
        assert before is not None
        administrator.submit("/confirm", current_password=PASSWORD)
        assert administrator.get("/users").request.path == "/users"
        thief = Browser(administrator.app)
        thief.client.set_cookie(cookies.SESSION, before.value)
        assert thief.get("/users").request.path == "/login"


@pytest.mark.usefixtures("later")
class TestSavedForm:
    """A form posted too late loses nothing, and does nothing before the password is entered."""

    def test_it_is_processed_once_the_password_is_entered(self, administrator: Browser, state: AppState) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post & more")
        assert (asked.status_code, product_name(state)) == (403, "Mailroom")
        page = administrator.submit_on(asked, current_password=PASSWORD)
        assert "Saved." in page.text
        assert product_name(state) == "Post & more"

    def test_other_windows_stay_signed_in_while_the_view_takes_its_time(
        self, administrator: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = []

        def save(*_: object, **__: object) -> None:
            seen.append(administrator.get("/profile").request.path)

        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        monkeypatch.setattr(settings, "save_general", save)
        administrator.submit_on(asked, current_password=PASSWORD)
        assert (seen, administrator.get("/profile").request.path) == (["/profile"], "/profile")

    def test_its_secrets_are_sealed_in_the_page(self, administrator: Browser, state: AppState) -> None:
        asked = administrator.post("/settings/mail", **SERVER, timeout="10", tls_minimum="1.2", proxy_type="none")
        assert "typed secret" not in asked.text
        administrator.submit_on(asked, current_password=PASSWORD)
        with state.database.read() as session:
            saved = servers.primary(session)
        assert saved is not None
        assert state.sealer.open(saved.sealed_secrets["password"]["sealed"], "mail_server.password") == "typed secret"

    def test_it_survives_a_wrong_password(self, administrator: Browser, state: AppState) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        again = administrator.submit_on(asked, current_password=WRONG)
        assert (again.status_code, "Wrong password." in again.text) == (200, True)
        assert re.search(r'<input id="current_password"[^>]* autofocus', again.text)
        assert WRONG not in again.text
        administrator.submit_on(again, current_password=PASSWORD)
        assert product_name(state) == "Post"

    def test_the_page_offers_no_languages_since_choosing_one_would_lose_the_form(self, administrator: Browser) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        assert ["languages" in page.text for page in (asked, administrator.get("/confirm"))] == [False, True]

    def test_it_is_refused_after_an_hour(self, administrator: Browser, state: AppState) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        with time_machine.travel(clock.now() + FORM_KEPT_FOR):
            page = administrator.submit_on(asked, current_password=PASSWORD)
        assert (page.status_code, "Go back and send them again" in page.text) == (400, True)
        assert product_name(state) == "Mailroom"

    def test_entering_the_password_in_another_window_is_enough(self, administrator: Browser, state: AppState) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        administrator.submit("/confirm", current_password=PASSWORD)
        administrator.submit_on(asked)
        assert product_name(state) == "Post"

    def test_a_form_from_another_site_has_no_effect(self, administrator: Browser, state: AppState) -> None:
        asked = administrator.post(
            "/settings/general", public_url="https://evil.example", product_name="Evil", csrf_token="made up"
        )
        page = administrator.submit_on(asked, current_password=PASSWORD)
        assert "open too long" in page.text
        assert product_name(state) == "Mailroom"

    def test_it_is_refused_at_another_page(self, administrator: Browser, state: AppState) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        sealed = re.search(r'name="saved_form" value="([^"]+)"', asked.text)
        assert sealed is not None
        answer = administrator.post("/settings/mail", saved_form=sealed[1], current_password=PASSWORD)
        assert answer.status_code == 400

    def test_it_is_refused_in_another_session(
        self, administrator: Browser, state: AppState, database: Database, ada: User
    ) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        sealed = re.search(r'name="saved_form" value="([^"]+)"', asked.text)
        other = Browser(administrator.app, administrator.user_id)
        other.start_session()
        assert sealed is not None
        assert other.post("/settings/general", saved_form=sealed[1]).status_code == 400
        assert product_name(state) == "Mailroom"


@pytest.mark.usefixtures("later")
def test_several_wrong_passwords_end_the_session_and_lock_nothing(administrator: Browser, stranger: Browser) -> None:
    asked = administrator.get("/users/new")
    for _ in range(9):
        asked = administrator.submit_on(asked, current_password=WRONG)
        assert "Wrong password." in asked.text
    ended = administrator.submit_on(asked, current_password=WRONG)
    assert (ended.request.path, "Too many wrong passwords" in ended.text) == ("/login", True)
    assert administrator.get("/", follow=False).status_code == 302
    answer = stranger.submit("/login", email=administrator.user.email, password=PASSWORD)
    assert answer.request.path == "/"


def test_of_fifty_simultaneous_guesses_ten_are_verified(
    database: Database, administrator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = mock.Mock(wraps=hashing.verify)
    monkeypatch.setattr(hashing, "verify", counted)
    user, user_session = administrator.user, only_session(database)
    ends = run_at_once([lambda: reauthentication.check(database, user, user_session, WRONG)] * 50)
    assert counted.call_count == 10
    assert [type(end) for end in ends].count(TooManyWrongPasswords) == 1
    with database.read() as session:
        assert session.scalars(select(Session)).all() == []


def test_correct_passwords_do_not_count(database: Database, administrator: Browser) -> None:
    user, user_session = administrator.user, only_session(database)
    for _ in range(3):
        for _ in range(9):
            with pytest.raises(WrongPassword):
                reauthentication.check(database, user, user_session, WRONG)
        reauthentication.check(database, user, user_session, PASSWORD)


def test_waiting_allows_no_further_guesses(database: Database, administrator: Browser) -> None:
    user, user_session = administrator.user, only_session(database)
    with time_machine.travel(clock.now(), tick=False) as now:
        for _ in range(9):
            with pytest.raises(WrongPassword):
                reauthentication.check(database, user, user_session, WRONG)
            now.shift(timedelta(days=35))
        with pytest.raises(TooManyWrongPasswords):
            reauthentication.check(database, user, user_session, WRONG)


def test_a_correct_password_does_not_revive_an_ended_session(database: Database, administrator: Browser) -> None:
    user, user_session = administrator.user, only_session(database)
    with database.transaction() as session:
        sessions.end_one(session, user.id, user_session.id)
    with pytest.raises(SessionEnded):
        reauthentication.check(database, user, user_session, PASSWORD)


@pytest.mark.parametrize(("minutes", "due"), [(0, False), (14, False), (15, True), (-1, False), (-20, True)])
def test_a_clock_that_is_set_back_does_not_postpone_it(minutes: int, due: bool) -> None:
    with time_machine.travel(clock.now(), tick=False):
        assert is_due(Session(authenticated_at=clock.now() - timedelta(minutes=minutes))) == due


@pytest.mark.parametrize("target", ["/", "/profile"])
def test_members_are_led_on_without_entering_the_password(member: Browser, target: str) -> None:
    page = member.get(f"/confirm?next={target}")
    assert (page.status_code, page.request.path) == (200, target)
