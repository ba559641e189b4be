"""The cookies of a session and of a known device, as the pages set them."""

import time
from datetime import timedelta
from functools import partial

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select
from werkzeug.test import Cookie

from tests.accounts.conftest import NEW_PASSWORD, NewLink, Queued, run_at_once
from tests.support.browser import PASSWORD, Browser
from webapp.accounts.models import LinkPurpose, Session, User
from webapp.accounts.sessions import known_devices
from webapp.accounts.sessions import service as sessions
from webapp.accounts.users import administration
from webapp.core import clock
from webapp.core.database import Database
from webapp.web import cookies

CHANGE_PASSWORD = {"current_password": PASSWORD, "password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}

pytestmark = pytest.mark.one_database


def session_cookie(browser: Browser) -> Cookie:
    found = browser.client.get_cookie(cookies.SESSION)
    assert found is not None
    return found


class TestSessionCookie:
    """The token of the session, in a cookie of its own."""

    def test_scripts_and_other_sites_do_not_get_it(self, stranger: Browser, ada: User) -> None:
        stranger.submit("/login", email=ada.email, password=PASSWORD)
        for name in (cookies.SESSION, cookies.DEVICE, cookies.VISITOR):
            cookie = stranger.client.get_cookie(name)
            assert cookie is not None
            assert (cookie.http_only, cookie.same_site) == (True, "Lax")

    def test_it_is_written_at_sign_in_and_sign_out_only(self, stranger: Browser, ada: User) -> None:
        answer = stranger.post("/login", follow=False, email=ada.email, password=PASSWORD)
        assert cookies.SESSION in str(answer.headers.getlist("Set-Cookie"))
        answers = [stranger.get("/"), stranger.get("/profile"), stranger.post("/profile/name", False, name="Ada")]
        assert cookies.SESSION not in str([answer.headers.getlist("Set-Cookie") for answer in answers])
        stranger.post("/logout")
        assert stranger.client.get_cookie(cookies.SESSION) is None

    def test_it_outlives_closing_the_browser_only_if_remembered(self, stranger: Browser, ada: User) -> None:
        stranger.submit("/login", email=ada.email, password=PASSWORD)
        assert session_cookie(stranger).expires is None
        stranger.post("/logout")
        stranger.submit("/login", email=ada.email, password=PASSWORD, remember=True)
        expires = session_cookie(stranger).expires
        assert expires is not None
        assert abs(expires - clock.now() - timedelta(days=30)) < timedelta(minutes=1)

    def test_it_expires_as_before_when_the_password_is_changed(self, stranger: Browser, ada: User) -> None:
        stranger.submit("/login", email=ada.email, password=PASSWORD, remember=True)
        before = session_cookie(stranger)
        stranger.submit("/profile", **CHANGE_PASSWORD)
        after = session_cookie(stranger)
        assert (after.expires, after.value != before.value) == (before.expires, True)

    def test_a_copy_is_worthless_after_signing_out(self, app: Flask, member: Browser) -> None:
        thief = Browser(app)
        thief.client.set_cookie(cookies.SESSION, session_cookie(member).value)
        assert thief.get("/").request.path == "/"
        member.submit("/")
        assert thief.get("/").request.path == member.get("/").request.path == "/login"

    def test_a_login_replaces_all_that_was_in_the_browser_before(
        self, database: Database, stranger: Browser, member: Browser
    ) -> None:
        with member.client.session_transaction() as session:
            session["planted"] = "by somebody else"
        before = member.csrf_token()
        member.post("/login", email=member.user.email, password=PASSWORD)
        with member.client.session_transaction() as session:
            assert "planted" not in session
        assert member.csrf_token() != before
        with database.read() as db:
            assert len(db.scalars(select(Session)).all()) == 1


class TestLogin:
    """What else has to be in one transaction with a new session."""

    def test_a_user_disabled_while_signing_in_is_left_without_a_session(
        self, app: Flask, database: Database, administrator: Browser, ada: User
    ) -> None:
        for number in range(10):
            browser = Browser(app, ada.id)
            browser.start_session()
            login = partial(browser.post, "/login", follow=False, email=ada.email, password=PASSWORD)
            answer, disabled = run_at_once(
                [login, partial(disable, database, ada.id, administrator.user, number / 500)]
            )
            assert (getattr(answer, "status_code", answer) in (200, 302), disabled) == (True, None)
            with database.transaction() as session:
                assert session.scalars(select(Session).where(Session.user_id == ada.id)).all() == []
                administration.enable(session, ada.id, administrator.user)
                administration.unlock(session, ada.id, administrator.user)


def disable(database: Database, user_id: int, by: User, seconds: float) -> None:
    time.sleep(seconds)
    with database.transaction() as session:
        administration.disable(session, user_id, by)


class TestSeveralWindows:
    """Windows of one browser share a session and never undo each other's work."""

    def test_a_form_stays_valid_while_another_window_enters_the_password_again(self, administrator: Browser) -> None:
        form = administrator.get("/profile")
        with time_machine.travel(clock.now() + timedelta(minutes=16)):
            administrator.submit("/confirm", current_password=PASSWORD)
            assert "Your name has been changed." in administrator.submit_on(form, name="Ada Lovelace").text

    def test_a_login_page_opened_before_another_window_signed_in_leads_on(self, stranger: Browser, ada: User) -> None:
        one, other = stranger.get("/login"), stranger.get("/login")
        stranger.submit_on(one, email=ada.email, password=PASSWORD)
        assert stranger.submit_on(other, email=ada.email, password=PASSWORD).request.path == "/"

    @pytest.mark.parametrize(
        ("posted", "told"),
        [
            (False, "You've been signed out. Sign in again."),
            (True, "You've been signed out, so your changes weren't saved. Sign in again."),
        ],
    )
    def test_a_user_signed_out_elsewhere_is_told_so(
        self, database: Database, member: Browser, posted: bool, told: str
    ) -> None:
        with database.transaction() as session:
            sessions.end_all(session, member.user.id)
        answer = member.post("/profile/name", False, name="Ada") if posted else member.get("/profile", False)
        assert told in member.get(answer.location).text


class TestNewDevices:
    """Users get an email about logins in browsers that they have not used before."""

    def test_a_new_browser_is_announced_once(self, stranger: Browser, ada: User, queued: Queued) -> None:
        stranger.submit("/login", email=ada.email, password="wrong")
        assert queued() == []
        for _ in range(2):
            stranger.submit("/login", email=ada.email, password=PASSWORD)
            stranger.post("/logout")
        assert queued() == [("new_session", ada.email)]
        cookie = stranger.client.get_cookie(cookies.DEVICE)
        assert cookie is not None
        assert cookie.expires is not None
        assert abs(cookie.expires - clock.now() - known_devices.KNOWN_FOR) < timedelta(minutes=1)

    def test_the_browser_in_which_a_password_was_chosen_is_not_announced(
        self, stranger: Browser, pat: User, new_link: NewLink, queued: Queued
    ) -> None:
        for purpose, path in ((LinkPurpose.ACTIVATION, "/activate/"), (LinkPurpose.RESET, "/reset-password/")):
            stranger.get(path + new_link(pat, purpose))
            stranger.submit(path.rstrip("/"), password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
            stranger.post("/logout")
            stranger.submit("/login", email=pat.email, password=NEW_PASSWORD)
            stranger.post("/logout")
        assert queued() == [("activated", pat.email), ("password_changed", pat.email)]

    def test_a_reset_makes_all_other_browsers_unknown(
        self, app: Flask, stranger: Browser, ada: User, new_link: NewLink, queued: Queued
    ) -> None:
        stranger.submit("/login", email=ada.email, password=PASSWORD)
        stranger.post("/logout")
        other = Browser(app)
        other.get("/reset-password/" + new_link(ada, LinkPurpose.RESET))
        other.submit("/reset-password", password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
        with time_machine.travel(clock.now() + timedelta(days=2)):
            stranger.submit("/login", email=ada.email, password=NEW_PASSWORD)
        assert [kind for kind, _ in queued()] == ["new_session", "password_changed", "new_session"]
