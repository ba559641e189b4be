"""Which language a page is in: the user's own, one chosen in the browser, one that the browser accepts."""

import pytest
from flask import Flask

from tests.support.browser import Browser
from webapp.accounts.models import User
from webapp.core.database import Database
from webapp.web import language

pytestmark = pytest.mark.one_database


def set_language(database: Database, user: User, code: str | None) -> None:
    """Set a user's own language."""
    with database.transaction() as session:
        session.get_one(User, user.id).language = code


ACCEPTED = [
    ("", "en"),
    ("*", "en"),
    ("fr-CA, en;q=0.9", "fr"),
    ("en;q=0.3, uk-UA;q=0.8", "uk"),
    ("pt, zh-Hant, es;q=0.1", "es"),
    ("AR_eg", "ar"),
    ("de;q=0, fr;q=0.1", "fr"),
    ("de;q=NaN", "en"),
    ("de;q=-1, ;;;,,,=", "en"),
    ("%(name)s ../../etc/passwd", "en"),
    (",".join(f"x{number};q=0.{number % 9 + 1}" for number in range(2000)), "en"),
]


def test_a_page_is_in_the_first_known_language_that_the_browser_accepts(stranger: Browser) -> None:
    for header, code in ACCEPTED:
        page = stranger.get("/login", headers={"Accept-Language": header})
        assert (page.status_code, page.headers["Content-Language"]) == (200, code)


def test_a_page_names_its_language_and_direction(stranger: Browser) -> None:
    page = stranger.get("/login", headers={"Accept-Language": "ar"})
    assert '<html lang="ar" dir="rtl">' in page.text
    assert page.headers["Content-Language"] == "ar"
    assert {"Accept-Language", "Cookie"} <= set(page.vary)


def test_a_language_chosen_on_a_page_overrides_the_browsers(stranger: Browser) -> None:
    german = {"Accept-Language": "de"}
    chosen = stranger.submit_on(stranger.get("/forgot-password", headers=german), "uk")
    assert chosen.request.path == "/forgot-password"
    assert chosen.headers["Content-Language"] == "uk"
    assert stranger.get("/login", headers=german).headers["Content-Language"] == "uk"


def test_a_users_own_language_overrides_all_others(member: Browser, database: Database) -> None:
    member.post("/language", language="uk", next="/")
    assert member.get("/profile").headers["Content-Language"] == "uk"
    set_language(database, member.user, "fr")
    assert member.get("/profile").headers["Content-Language"] == "fr"


def test_a_user_with_an_own_language_is_offered_no_others(member: Browser, database: Database) -> None:
    assert 'action="/language"' in member.get("/activate").text
    set_language(database, member.user, "fr")
    assert 'action="/language"' not in member.get("/activate").text


@pytest.mark.parametrize("code", ["", "xx", "en_GB", "../de", "de\0", "<script>", "x" * 1000])
def test_an_unknown_language_cannot_be_chosen(stranger: Browser, code: str) -> None:
    assert stranger.post("/language", language=code, next="/login").status_code == 404
    assert stranger.client.get_cookie(language.COOKIE) is None
    stranger.client.set_cookie(language.COOKIE, code)
    assert stranger.get("/login").headers["Content-Language"] == "en"


def test_choosing_a_language_does_not_redirect_to_another_site(stranger: Browser) -> None:
    answer = stranger.post("/language", follow=False, language="de", next="https://evil.example/")
    assert answer.location == "/"


def test_outside_of_requests_the_language_is_english(app: Flask) -> None:
    with app.app_context():
        assert language.select_language() == "en"
