"""The pages of the profile."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.accounts.conftest import NEW_EMAIL, NEW_PASSWORD, Queued, has_field_error
from tests.support.browser import PASSWORD, Browser
from webapp.accounts.models import KnownDevice
from webapp.accounts.sessions import known_devices
from webapp.core.database import Database
from webapp.web import cookies

FORMS: dict[str, dict[str, Any]] = {
    "name": {"name": "Grace"},
    "address": {"email": NEW_EMAIL, "current_password": PASSWORD},
    "password": {"current_password": PASSWORD, "password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD},
}


@pytest.fixture
def second(app: Flask, member: Browser) -> Browser:
    """A second browser in which the member is signed in."""
    browser = Browser(app, member.user_id)
    browser.start_session()
    return browser


def cookie(browser: Browser, name: str) -> str:
    """Return the value of a cookie."""
    found = browser.client.get_cookie(name)
    assert found is not None
    return found.value


def copy_of(app: Flask, browser: Browser) -> Browser:
    """Return a thief's browser with the same session cookie."""
    thief = Browser(app)
    thief.client.set_cookie(cookies.SESSION, cookie(browser, cookies.SESSION))
    return thief


def test_the_menu_of_every_user_links_to_the_profile(member: Browser, administrator: Browser) -> None:
    for browser in (member, administrator):
        assert 'href="/profile"' in browser.get("/").text
        assert browser.user.email in browser.get("/profile").text


def test_a_new_name_is_saved_and_escaped(member: Browser) -> None:
    page = member.submit("/profile", name="<b>Zoë</b>")
    assert (page.request.path, member.user.name) == ("/profile", "<b>Zoë</b>")
    assert "<b>Zoë" not in page.text


def test_a_name_with_a_web_address_is_refused_beside_the_field(member: Browser) -> None:
    page = member.submit("/profile", name="You won: evil.example")
    assert has_field_error(page.text, "A name can&#39;t contain a web or email address")
    assert member.user.name == "Max"


@pytest.mark.parametrize("form", FORMS)
def test_a_stale_form_is_shown_again_and_changes_nothing(member: Browser, queued: Queued, form: str) -> None:
    before = member.user
    page = member.client.post(f"/profile/{form}", data={**FORMS[form], "csrf_token": "stale"})
    assert "This page was open too long" in page.text
    assert PASSWORD not in page.text
    assert (member.user.name, member.user.password_hash, queued()) == (before.name, before.password_hash, [])
    assert member.submit_on(page, **FORMS[form]).request.path == "/profile"


@pytest.mark.parametrize("form", FORMS)
def test_ids_are_unique_on_the_page(member: Browser, form: str) -> None:
    page = member.post(f"/profile/{form}").text
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert sorted(ids) == sorted(set(ids))
    assert set(re.findall(r'<label[^>]* for="([^"]+)"', page)) <= set(ids)


class TestPassword:
    """Changing the password."""

    def test_only_this_browser_stays_signed_in_with_a_new_token(
        self, app: Flask, member: Browser, second: Browser, queued: Queued
    ) -> None:
        thief = copy_of(app, member)
        page = member.submit("/profile", **FORMS["password"])
        assert queued() == [("password_changed", member.user.email)]
        assert "Your password has been changed" in page.text
        assert [b.get("/profile").request.path for b in (member, second, thief)] == ["/profile", "/login", "/login"]
        assert second.sign_in(NEW_PASSWORD).status_code == 200

    def test_a_wrong_current_password_is_an_error_beside_its_field(self, member: Browser, queued: Queued) -> None:
        fields = FORMS["password"] | {"current_password": "wrong"}
        page = member.submit("/profile", **fields).text
        assert has_field_error(page, "Wrong password")
        assert NEW_PASSWORD not in page
        assert (queued(), member.get("/profile").request.path) == ([], "/profile")

    @pytest.mark.parametrize("form", ["address", "password"])
    def test_too_many_wrong_passwords_end_only_this_session(self, member: Browser, second: Browser, form: str) -> None:
        wrong: dict[str, Any] = FORMS[form] | {"current_password": "wrong"}
        answers = [member.post(f"/profile/{form}", **wrong) for _ in range(10)]
        assert [answer.request.path for answer in answers] == [f"/profile/{form}"] * 9 + ["/login"]
        assert "Too many wrong passwords" in answers[-1].text
        assert second.get("/profile").request.path == "/profile"

    def test_only_this_device_stays_known_under_a_new_token(
        self, app: Flask, member: Browser, database: Database
    ) -> None:
        for browser in (Browser(app, member.user_id), member):
            browser.post("/logout")
            browser.sign_in()
        before = cookie(member, "mailroom_device")
        member.submit("/profile", **FORMS["password"])
        with database.read() as session:
            (mine,) = session.scalars(select(KnownDevice.user_id))
            known = [known_devices.is_known(session, mine, one) for one in (cookie(member, "mailroom_device"), before)]
        assert known == [True, False]


class TestSessions:
    """The list of sessions."""

    def test_each_shows_its_device_and_other_ones_can_be_ended(self, member: Browser, second: Browser) -> None:
        agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
        second.client.post("/logout", data={"csrf_token": second.csrf_token()})
        fields = {"email": member.user.email, "password": PASSWORD, "remember": "y", "csrf_token": second.csrf_token()}
        second.client.post("/login", data=fields, headers=agent)
        page = member.get("/profile")
        assert ("Firefox on Linux" in page.text, page.text.count("This browser"), "127.0.0.1" in page.text) == (
            True,
            1,
            True,
        )
        number = re.findall(r'action="(/profile/sign-ins/\d+/end)"', page.text)
        assert len(number) == 1
        assert page.text.count("Remembered") == 1
        assert "That browser has been signed out." in member.post(number[0]).text
        assert second.get("/profile").request.path == "/login"

    def test_all_others_can_be_ended_with_copies_of_this_ones_cookie(
        self, app: Flask, member: Browser, second: Browser
    ) -> None:
        thief = copy_of(app, member)
        assert thief.get("/profile").request.path == "/profile"
        assert "All other browsers have been signed out." in member.post("/profile/sign-ins/end-others").text
        paths = [browser.get("/profile").request.path for browser in (member, second, thief)]
        assert paths == ["/profile", "/login", "/login"]
