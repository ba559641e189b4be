"""Which language somebody is spoken to in: on pages, in mails, and where text runs from right to left."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask_babel import gettext, ngettext

from tests.support.browser import PASSWORD, Browser
from tests.support.inbox import Inbox
from tests.support.people import add_person
from webapp.accounts.models import User, UserState
from webapp.core import clock, formatting, i18n
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.core.i18n import END_OF_ISOLATE, ISOLATE
from webapp.mail.diagnosis.descriptions import describe
from webapp.outbox import service as outbox
from webapp.providers import Failure

pytestmark = pytest.mark.one_database

HOSTILE = [
    "q=NaN",
    "de;q=NaN",
    "de;q=1e999, fr;q=inf",
    "de;q=-1",
    ";;;,,,=",
    "../../etc/passwd",
    "d\u00e9;q=\u0663",
    "%(name)s",
    "x" * 5000,
    ",".join(f"x{number};q=0.{number % 9 + 1}" for number in range(2000)),
]


def speak(database: Database, person: Browser, code: str | None) -> None:
    """Have the person choose this language."""
    with database.transaction() as session:
        session.get_one(User, person.user.id).language = code


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", ""),
        ("*", ""),
        ("fr-CA, en;q=0.9", "fr"),
        ("en;q=0.3, uk-UA;q=0.8", "uk"),
        ("pt, zh-Hant, es;q=0.1", "es"),
        ("AR_eg", "ar"),
        ("de;q=0, fr;q=0.1", "fr"),
    ],
)
def test_a_browser_gets_what_it_likes_best_of_what_there_is(header: str, code: str) -> None:
    assert i18n.accepted_language(header) == code


@pytest.mark.parametrize("header", HOSTILE)
def test_an_odd_header_gets_a_page_in_english(stranger: Browser, header: str) -> None:
    page = stranger.get("/login", headers={"Accept-Language": header.encode().decode("latin-1")})
    assert (page.status_code, page.headers["Content-Language"]) == (200, "en")


def test_a_page_says_what_language_it_is_in_and_which_way_it_runs(stranger: Browser) -> None:
    page = stranger.get("/login", headers={"Accept-Language": "ar"})
    assert '<html lang="ar" dir="rtl">' in page.text
    assert page.headers["Content-Language"] == "ar"
    assert {"Accept-Language", "Cookie"} <= set(page.vary)


def test_a_language_chosen_on_a_page_comes_before_the_browsers(stranger: Browser) -> None:
    german = {"Accept-Language": "de"}
    chosen = stranger.submit_on(stranger.get("/forgot-password", headers=german), "uk")
    assert chosen.request.path == "/forgot-password"
    assert chosen.headers["Content-Language"] == "uk"
    assert stranger.get("/login", headers=german).headers["Content-Language"] == "uk"


def test_a_persons_own_language_comes_before_all_others(member: Browser, database: Database) -> None:
    member.post("/language", language="uk", next="/")
    assert member.get("/profile").headers["Content-Language"] == "uk"
    speak(database, member, "fr")
    assert member.get("/profile").headers["Content-Language"] == "fr"


def test_a_card_offers_no_languages_to_somebody_who_has_one(member: Browser, database: Database) -> None:
    assert 'action="/language"' in member.get("/activate").text
    speak(database, member, "fr")
    assert 'action="/language"' not in member.get("/activate").text


@pytest.mark.parametrize("code", ["", "xx", "en_GB", "../de", "de\0"])
def test_a_language_that_nobody_speaks_is_not_kept(stranger: Browser, code: str) -> None:
    assert stranger.post("/language", language=code, next="/login").status_code == 404
    assert stranger.client.get_cookie(i18n.COOKIE) is None


@pytest.mark.parametrize("code", ["xx", "en_GB", "<script>", "x" * 1000])
def test_a_cookie_that_was_made_up_chooses_nothing(stranger: Browser, code: str) -> None:
    stranger.client.set_cookie(i18n.COOKIE, code)
    assert stranger.get("/login").headers["Content-Language"] == "en"


def test_choosing_a_language_leads_to_no_other_site(stranger: Browser) -> None:
    answer = stranger.post("/language", follow=False, language="de", next="https://evil.example/")
    assert answer.location == "/"


def test_the_answer_to_a_new_language_is_in_it(member: Browser, database: Database) -> None:
    page = member.submit("/profile", language="ar")
    assert (member.user.language, page.headers["Content-Language"]) == ("ar", "ar")
    page = member.submit("/profile", language="")
    assert (member.user.language, page.headers["Content-Language"]) == (None, "en")


@pytest.mark.parametrize("code", ["xx", "<b>", "x" * 3000, "de\0"])
def test_a_made_up_language_is_refused_beside_its_field(member: Browser, code: str) -> None:
    page = member.post("/profile/language", language=code)
    assert page.status_code == 200
    assert 'class="error" id="language-error"' in page.text
    assert member.user.language is None


def test_the_activation_mail_is_in_the_language_the_administrator_chose(
    administrator: Browser, inbox: Inbox, deliver: Callable[[], None]
) -> None:
    administrator.submit("/users/new", email="eve@people.example", name="Eve", language="de", send_activation="mail")
    deliver()
    assert inbox.messages[0]["Content-Language"] == "de"


@pytest.mark.parametrize(("before", "after"), [(None, "uk"), ("fr", "fr")])
def test_who_activates_an_account_has_the_pages_language_if_none_was_chosen(
    stranger: Browser, parts: AppState, inbox: Inbox, deliver: Callable[[], None], before: str | None, after: str
) -> None:
    eve = Browser(stranger.app, add_person(parts.database, "eve@people.example", state=UserState.PENDING))
    speak(parts.database, eve, before)
    with parts.database.transaction() as session:
        expires_at = clock.now() + timedelta(hours=1)
        outbox.enqueue(session, "activation", eve.user.email, user_id=eve.user.id, expires_at=expires_at)
    deliver()
    eve.post("/language", language="uk")
    eve.get(inbox.messages[0].link)
    eve.submit("/activate", password=PASSWORD, password_confirm=PASSWORD)
    deliver()
    assert eve.user.language == after
    assert inbox.messages[1]["Content-Language"] == after


def test_a_mail_is_in_its_recipients_language_whatever_the_others_are(
    member: Browser, administrator: Browser, parts: AppState, inbox: Inbox, deliver: Callable[[], None]
) -> None:
    speak(parts.database, member, "ar")
    speak(parts.database, administrator, "de")
    with parts.database.transaction() as session:
        for person in (member, administrator):
            outbox.enqueue(session, "activated", person.user.email, user_id=person.user.id)
    deliver()
    assert [mail["Content-Language"] for mail in inbox.messages] == ["ar", "de"]
    assert '<html lang="ar" dir="rtl">' in inbox.messages[0].html


def test_a_reset_mail_is_in_the_language_of_whom_the_address_belongs_to(
    member: Browser, stranger: Browser, database: Database, inbox: Inbox, deliver: Callable[[], None]
) -> None:
    speak(database, member, "es")
    stranger.submit("/forgot-password", email=member.user.email)
    deliver()
    assert inbox.messages[0]["Content-Language"] == "es"


def test_a_test_mail_is_in_the_administrators_language(
    administrator: Browser, database: Database, inbox: Inbox
) -> None:
    speak(database, administrator, "fr")
    administrator.submit("/settings/mail", "test", test_recipient="eve@people.example")
    assert inbox.messages[0]["Content-Language"] == "fr"


def test_what_is_filled_into_a_sentence_from_right_to_left_keeps_its_own_direction(app: Flask) -> None:
    with app.test_request_context():
        with i18n.use_language("ar"):
            assert gettext("%(name)s is there", name="Ada (x)") == f"{ISOLATE}Ada (x){END_OF_ISOLATE} is there"
            assert ngettext("%(num)s of %(name)s", "%(num)s", 1, name="x") == f"1 of {ISOLATE}x{END_OF_ISOLATE}"
            assert gettext("as 2027-01-31.") == f"as {ISOLATE}2027-01-31{END_OF_ISOLATE}."
            assert gettext("no https://, but https://a.example/") == (
                f"no {ISOLATE}https://{END_OF_ISOLATE}, but https://a.example/"
            )
            assert gettext("Open %(page)s", page="https://mailroom.example/") == "Open https://mailroom.example/"
        with i18n.use_language("de"):
            assert gettext("%(name)s is there", name="Ada") == "Ada is there"


def test_a_sentence_on_a_page_escapes_what_is_filled_in(app: Flask) -> None:
    page = app.jinja_env.from_string("{{ _('%(one)s and %(other)s', one='<i>', other='<b>'|strong) }}")
    with app.test_request_context(), i18n.use_language("ar"):
        bold = "<strong><bdi>&lt;b&gt;</bdi></strong>"
        assert page.render() == f"{ISOLATE}&lt;i&gt;{END_OF_ISOLATE} and {bold}"


def test_a_failure_is_described_in_the_readers_language(app: Flask) -> None:
    with app.test_request_context(), i18n.use_language("ar"):
        text = describe(Failure("token", "wrong_account", {"account": "eve"}))
        assert f"{ISOLATE}eve{END_OF_ISOLATE}" in text


@pytest.mark.parametrize(("minutes", "words"), [(1440, "يوم"), (2880, "يومان"), (10080, "7 أيام"), (180, "3 ساعات")])
def test_a_time_is_in_words_also_where_babel_lacks_a_long_form(app: Flask, minutes: int, words: str) -> None:
    with app.test_request_context(), i18n.use_language("ar"):
        assert formatting.format_minutes(minutes) == words
