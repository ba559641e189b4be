"""Typing the password again before something is changed."""

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
from tests.support.html import forms_of
from webapp.accounts import events
from webapp.accounts.models import Session, User
from webapp.accounts.passwords import hashing
from webapp.accounts.sessions import reauthentication
from webapp.accounts.sessions import service as sign_ins
from webapp.accounts.sessions.reauthentication import (
    CONFIRMED_FOR,
    HELD_FOR,
    SessionEnded,
    TooManyWrongPasswords,
    WrongPassword,
    is_due,
)
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.mail import servers
from webapp.settings import service as settings

SERVER: dict[str, Any] = {
    "provider": "custom", "mail_from": "mail@mailroom.example", "host": "smtp.example.com", "port": "587",
    "security": "starttls", "authentication": "password", "username": "mailroom", "password": "typed secret",
}  # fmt: skip

pytestmark = pytest.mark.one_database


@pytest.fixture
def later(administrator: Browser) -> Iterator[None]:
    """The administrator signed in a quarter of an hour ago."""
    with time_machine.travel(clock.now() + CONFIRMED_FOR):
        yield


def sign_in_of(database: Database) -> Session:
    """The only one there is."""
    with database.read() as session:
        return session.scalars(select(Session)).one()


def product_name(parts: AppState) -> str:
    with parts.database.read() as session:
        return settings.general(session, parts.config).product_name


def test_within_a_quarter_of_an_hour_nobody_is_asked(administrator: Browser, parts: AppState) -> None:
    with time_machine.travel(clock.now() + CONFIRMED_FOR - timedelta(seconds=5)):
        administrator.post("/settings/general", public_url="https://mailroom.example", product_name="Post")
    assert product_name(parts) == "Post"


@pytest.mark.usefixtures("later")
class TestOpeningAForm:
    """One is asked before one types anything."""

    def test_the_password_leads_on_to_the_form(self, administrator: Browser) -> None:
        asked = administrator.get("/users/new?from=list")
        assert "Confirm it's you" in asked.text
        page = administrator.submit_on(asked, current_password=PASSWORD)
        assert page.request.full_path == "/users/new?from=list"
        assert administrator.get("/settings/mail", follow=False).status_code == 200

    @pytest.mark.parametrize("path", ["/users?search=ada", "/settings/general", "/settings", "/audit?event=locked"])
    def test_settings_users_and_the_trail_ask_before_they_show_anything(
        self, administrator: Browser, path: str
    ) -> None:
        asked = administrator.get(path)
        assert (asked.request.path, asked.request.args["next"]) == ("/confirm", path)

    @pytest.mark.parametrize("path", ["/", "/outbox", "/profile"])
    def test_home_the_outbox_and_ones_own_profile_open(self, administrator: Browser, path: str) -> None:
        assert administrator.get(path, follow=False).status_code == 200

    def test_the_password_for_a_file_leads_to_its_page(self, administrator: Browser) -> None:
        asked = administrator.get("/audit.csv?event=signed+in")
        page = administrator.submit_on(asked, current_password=PASSWORD)
        assert page.request.full_path == "/audit?event=signed+in"

    def test_a_next_address_that_is_no_page_leads_home(self, administrator: Browser) -> None:
        page = administrator.submit("/confirm?next=/logout", current_password=PASSWORD)
        assert (page.status_code, page.request.path) == (200, "/")

    def test_no_next_address_leaves_the_site(self, administrator: Browser) -> None:
        page = administrator.submit("/confirm?next=//evil.example/", current_password=PASSWORD)
        assert page.request.path == "/"

    def test_the_token_from_before_is_worthless(self, administrator: Browser) -> None:
        cookie = administrator.client.get_cookie("mailroom")
        assert cookie is not None
        administrator.submit("/confirm", current_password=PASSWORD)
        thief = Browser(administrator.app)
        thief.client.set_cookie("mailroom", cookie.value)
        assert thief.get("/users").request.path == "/login"


@pytest.mark.usefixtures("later")
class TestAFormThatIsSentTooLate:
    """Nothing that was typed is lost, and nothing happens before the password is there."""

    def test_it_does_its_work_once_the_password_is_typed(self, administrator: Browser, parts: AppState) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post & more")
        assert (asked.status_code, product_name(parts)) == (403, "Mailroom")
        page = administrator.submit_on(asked, current_password=PASSWORD)
        assert "Saved." in page.text
        assert product_name(parts) == "Post & more"

    def test_the_browser_has_its_new_token_before_the_work_is_done(
        self, administrator: Browser, parts: AppState
    ) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        (form,) = forms_of(asked.text)
        answer = administrator.client.post(form.action, data=dict(form.values) | {"current_password": PASSWORD})
        assert (answer.status_code, answer.location, product_name(parts)) == (307, "/settings/general", "Mailroom")
        assert administrator.get("/profile").request.path == "/profile"

    def test_its_secrets_travel_sealed(self, administrator: Browser, parts: AppState) -> None:
        asked = administrator.post("/settings/mail", **SERVER, timeout="10", tls_minimum="1.2", proxy_type="none")
        assert "typed secret" not in asked.text
        administrator.submit_on(asked, current_password=PASSWORD)
        with parts.database.read() as session:
            saved = servers.primary(session)
        assert saved is not None
        assert parts.sealer.open(saved.sealed_secrets["password"]["sealed"], "mail_server.password") == "typed secret"

    def test_it_is_kept_through_a_wrong_password(self, administrator: Browser, parts: AppState) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        again = administrator.submit_on(asked, current_password=WRONG)
        assert (again.status_code, "Wrong password." in again.text) == (200, True)
        assert re.search(r'<input id="current_password"[^>]* autofocus', again.text)
        assert WRONG not in again.text
        administrator.submit_on(again, current_password=PASSWORD)
        assert product_name(parts) == "Post"

    def test_no_language_is_offered_as_choosing_one_would_lose_it(self, administrator: Browser) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        assert ["languages" in page.text for page in (asked, administrator.get("/confirm"))] == [False, True]

    def test_what_was_held_for_an_hour_is_opened_no_more(self, administrator: Browser, parts: AppState) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        with time_machine.travel(clock.now() + HELD_FOR):
            page = administrator.submit_on(asked, current_password=PASSWORD)
        assert (page.status_code, "Go back and send it once more" in page.text) == (400, True)
        assert product_name(parts) == "Mailroom"

    def test_confirming_in_another_tab_is_as_good(self, administrator: Browser, parts: AppState) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        administrator.submit("/confirm", current_password=PASSWORD)
        administrator.submit_on(asked)
        assert product_name(parts) == "Post"

    def test_a_single_button_works_too(self, administrator: Browser, pat: User) -> None:
        asked = administrator.post(f"/users/{pat.id}/resend")
        assert f"mail to {pat.email}" in administrator.submit_on(asked, current_password=PASSWORD).text

    def test_a_form_of_another_site_stays_without_effect(self, administrator: Browser, parts: AppState) -> None:
        asked = administrator.post(
            "/settings/general", public_url="https://evil.example", product_name="Evil", csrf_token="made up"
        )
        page = administrator.submit_on(asked, current_password=PASSWORD)
        assert "open for too long" in page.text
        assert product_name(parts) == "Mailroom"

    def test_what_was_held_for_one_page_opens_at_no_other(self, administrator: Browser, parts: AppState) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        sealed = re.search(r'name="held_form" value="([^"]+)"', asked.text)
        assert sealed is not None
        answer = administrator.post("/settings/mail", held_form=sealed[1], current_password=PASSWORD)
        assert answer.status_code == 400

    def test_it_grows_little_in_any_alphabet(self, administrator: Browser, parts: AppState) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="пошта" * 10_000)
        assert len(asked.text) < 2 * len(("пошта" * 10_000).encode())
        assert "Too long" in administrator.submit_on(asked, current_password=PASSWORD).text

    def test_what_is_too_long_to_be_kept_says_so(self, administrator: Browser, parts: AppState) -> None:
        asked = administrator.post("/settings/general", product_name="a" * reauthentication.MOST_HELD)
        assert (asked.status_code, "too long to be kept" in asked.text) == (413, True)
        page = administrator.submit_on(asked, current_password=PASSWORD)
        assert (page.request.path, product_name(parts)) == ("/settings/general", "Mailroom")

    def test_what_was_held_is_nothing_to_another_administrator(
        self, administrator: Browser, parts: AppState, database: Database, ada: User
    ) -> None:
        asked = administrator.post("/settings/general", public_url="https://m.example", product_name="Post")
        sealed = re.search(r'name="held_form" value="([^"]+)"', asked.text)
        other = Browser(administrator.app, administrator._user_id)
        other.let_in()
        assert sealed is not None
        assert other.post("/settings/general", held_form=sealed[1]).status_code == 400
        assert product_name(parts) == "Mailroom"


@pytest.mark.usefixtures("later")
def test_several_wrong_passwords_end_the_sign_in_and_lock_nothing(administrator: Browser, stranger: Browser) -> None:
    asked = administrator.get("/users/new")
    for _ in range(9):
        asked = administrator.submit_on(asked, current_password=WRONG)
        assert "Wrong password." in asked.text
    ended = administrator.submit_on(asked, current_password=WRONG)
    assert (ended.request.path, "wrong too often" in ended.text) == ("/login", True)
    assert administrator.get("/", follow=False).status_code == 302
    answer = stranger.submit("/login", email=administrator.user.email, password=PASSWORD)
    assert answer.request.path == "/"


def test_of_fifty_guesses_at_once_ten_are_looked_at(
    database: Database, administrator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = mock.Mock(wraps=hashing.verify)
    monkeypatch.setattr(hashing, "verify", counted)
    person, sign_in = administrator.user, sign_in_of(database)
    ends = run_at_once([lambda: reauthentication.check(database, person, sign_in, WRONG)] * 50)
    assert counted.call_count == 10
    assert [type(end) for end in ends].count(TooManyWrongPasswords) == 1
    with database.read() as session:
        assert session.scalars(select(Session)).all() == []


def test_right_passwords_do_not_count(database: Database, administrator: Browser) -> None:
    person, sign_in = administrator.user, sign_in_of(database)
    for _ in range(3):
        for _ in range(9):
            with pytest.raises(WrongPassword):
                reauthentication.check(database, person, sign_in, WRONG)
        reauthentication.check(database, person, sign_in, PASSWORD)


def test_waiting_gives_no_further_guesses(database: Database, administrator: Browser) -> None:
    person, sign_in = administrator.user, sign_in_of(database)
    with time_machine.travel(clock.now(), tick=False) as now:
        for _ in range(9):
            with pytest.raises(WrongPassword):
                reauthentication.check(database, person, sign_in, WRONG)
            now.shift(timedelta(days=35))
        with pytest.raises(TooManyWrongPasswords):
            reauthentication.check(database, person, sign_in, WRONG)


def test_a_right_password_does_nothing_in_a_sign_in_that_is_over(database: Database, administrator: Browser) -> None:
    person, sign_in = administrator.user, sign_in_of(database)
    with database.transaction() as session:
        sign_ins.end_one(session, person.id, sign_in.id)
    with pytest.raises(SessionEnded):
        reauthentication.check(database, person, sign_in, PASSWORD)


def test_a_wrong_one_is_in_the_trail(database: Database, administrator: Browser) -> None:
    with pytest.raises(WrongPassword):
        reauthentication.check(database, administrator.user, sign_in_of(database), WRONG)
    with database.read() as session:
        noted = session.scalars(select(AuditEntry).where(AuditEntry.event == events.REAUTHENTICATION_FAILED.key)).one()
    assert noted.subject_id == administrator.user.id


@pytest.mark.usefixtures("later")
def test_whoever_was_signed_out_meanwhile_signs_in_again(administrator: Browser, parts: AppState) -> None:
    asked = administrator.get("/users/new")
    with time_machine.travel(clock.now() + timedelta(days=2)):
        assert administrator.submit_on(asked, current_password=PASSWORD).request.path == "/login"


@pytest.mark.parametrize(("minutes", "due"), [(0, False), (14, False), (15, True), (-1, False), (-20, True)])
def test_a_clock_that_is_set_back_does_not_put_it_off(minutes: int, due: bool) -> None:
    with time_machine.travel(clock.now(), tick=False):
        assert is_due(Session(confirmed_at=clock.now() - timedelta(minutes=minutes))) == due


@pytest.mark.parametrize("target", ["/", "/profile"])
def test_a_member_needs_no_confirmation_and_goes_on(member: Browser, target: str) -> None:
    page = member.get(f"/confirm?next={target}")
    assert (page.status_code, page.request.path) == (200, target)
