"""The profile and the pages of its links, with a browser."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from tests.profile.conftest import NEW
from tests.support.browser import PASSWORD, Browser
from tests.support.inbox import Inbox
from tests.support.people import add_person
from webapp import clock
from webapp.accounts import known_devices, links
from webapp.accounts.models import KnownDevice, Link, Purpose, SignIn
from webapp.context import Parts
from webapp.database import Database

Act = Callable[[], None]
Owed = Callable[[], list[tuple[str, str]]]
OTHER = "another long sentence 8"
FORMS: dict[str, dict[str, Any]] = {
    "name": {"name": "Grace"},
    "address": {"email": NEW, "current_password": PASSWORD},
    "password": {"current_password": PASSWORD, "password": OTHER, "password_confirm": OTHER},
}


@pytest.fixture
def second(app: Flask, member: Browser) -> Browser:
    """Another browser of the member's."""
    browser = Browser(app, member._user_id)
    browser.let_in()
    return browser


def ask(member: Browser, email: str = NEW) -> str:
    """Ask for another address; the text of the page after it."""
    return member.submit("/profile", email=email, current_password=PASSWORD).text


def cookie(browser: Browser, name: str) -> str:
    """What the browser's cookie of this name holds."""
    found = browser.client.get_cookie(name)
    assert found is not None
    return found.value


def copy_of(app: Flask, browser: Browser) -> Browser:
    """Another browser with the same session cookie."""
    thief = Browser(app)
    thief.client.set_cookie("mailroom", cookie(browser, "mailroom"))
    return thief


def error_beside(page: str, problem: str) -> bool:
    """Whether this stands beside a field."""
    return re.search(rf'class="error"[^>]*>[^<]*{problem}', page) is not None


def test_everybody_finds_the_profile_in_their_menu(member: Browser, administrator: Browser) -> None:
    for browser in (member, administrator):
        assert 'href="/profile"' in browser.get("/").text
        assert browser.user.email in browser.get("/profile").text


def test_a_new_name_is_on_the_page_as_text(member: Browser) -> None:
    page = member.submit("/profile", name="<b>Zoë</b>")
    assert (page.request.path, member.user.name) == ("/profile", "<b>Zoë</b>")
    assert "<b>Zoë" not in page.text


@pytest.mark.parametrize("form", FORMS)
def test_a_stale_form_comes_back_and_changes_nothing(member: Browser, owed: Owed, form: str) -> None:
    before = member.user
    page = member.client.post(f"/profile/{form}", data={**FORMS[form], "csrf_token": "stale"})
    assert "open for too long" in page.text
    assert PASSWORD not in page.text
    assert (member.user.name, member.user.password_hash, owed()) == (before.name, before.password_hash, [])
    assert member.submit_on(page, **FORMS[form]).request.path == "/profile"


@pytest.mark.parametrize("form", FORMS)
def test_a_page_has_each_id_once(member: Browser, form: str) -> None:
    page = member.post(f"/profile/{form}").text
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert sorted(ids) == sorted(set(ids))
    assert set(re.findall(r'<label[^>]* for="([^"]+)"', page)) <= set(ids)


HOSTILE = {"missing": [], "nul": ["a\0b"], "very long": ["x" * 100_000], "twice": ["a", "b"], "no text": [b"\xed\xa0"]}


@pytest.mark.one_database
@pytest.mark.parametrize(("form", "field"), [(form, field) for form, given in FORMS.items() for field in given])
@pytest.mark.parametrize("values", HOSTILE.values(), ids=HOSTILE)
def test_bad_input_gives_the_form_back(member: Browser, form: str, field: str, values: list[Any]) -> None:
    sent = MultiDict({"csrf_token": member.csrf_token(), **FORMS[form]})
    sent.setlist(field, values)
    before = member.user
    page = member.client.post(f"/profile/{form}", data=sent)
    assert page.status_code == 200 or values == HOSTILE["no text"]
    assert 'class="error"' in page.text or values == HOSTILE["no text"]
    assert (member.user.email, member.user.password_hash) == (before.email, before.password_hash)


class TestPassword:
    """Changing it."""

    def test_this_browser_stays_signed_in_with_another_session_and_the_others_do_not(
        self, app: Flask, member: Browser, second: Browser
    ) -> None:
        thief = copy_of(app, member)
        page = member.submit("/profile", **FORMS["password"])
        assert "Your password is changed" in page.text
        assert [b.get("/profile").request.path for b in (member, second, thief)] == ["/profile", "/login", "/login"]
        assert second.sign_in(OTHER).status_code == 200

    def test_a_wrong_current_one_is_told_beside_its_field(self, member: Browser) -> None:
        fields = FORMS["password"] | {"current_password": "wrong"}
        page = member.submit("/profile", **fields).text
        assert error_beside(page, "not your password")
        assert OTHER not in page

    @pytest.mark.parametrize(
        ("password", "confirm", "problem"),
        [
            ("tiny", "tiny", "at least 8"),
            (OTHER, "different", "not the same"),
            ("max@mailroom.example", "max@mailroom.example", "other than your"),
        ],
    )
    def test_the_rules_are_the_same_as_elsewhere(
        self, member: Browser, password: str, confirm: str, problem: str
    ) -> None:
        fields = {"current_password": PASSWORD, "password": password, "password_confirm": confirm}
        assert error_beside(member.submit("/profile", **fields).text, problem)

    @pytest.mark.parametrize("form", ["address", "password"])
    def test_too_many_wrong_ones_end_this_sign_in_alone(self, member: Browser, second: Browser, form: str) -> None:
        wrong: dict[str, Any] = FORMS[form] | {"current_password": "wrong"}
        answers = [member.post(f"/profile/{form}", **wrong) for _ in range(10)]
        assert [answer.request.path for answer in answers] == [f"/profile/{form}"] * 9 + ["/login"]
        assert "wrong too often" in answers[-1].text
        assert second.get("/profile").request.path == "/profile"

    @pytest.mark.parametrize("act", ["password", "end-others"])
    def test_this_browser_stays_known_while_the_others_and_copies_of_it_do_not(
        self, app: Flask, member: Browser, database: Database, act: str
    ) -> None:
        for browser in (Browser(app, member._user_id), member):
            browser.post("/logout")
            browser.sign_in()
        before = cookie(member, "mailroom_device")
        if act == "password":
            member.submit("/profile", **FORMS["password"])
        else:
            member.post("/profile/sign-ins/end-others")
        with database.reading() as session:
            (mine,) = session.scalars(select(KnownDevice.user_id))
            known = [known_devices.is_known(session, mine, one) for one in (cookie(member, "mailroom_device"), before)]
        assert known == [True, False]


class TestSignIns:
    """Where one is signed in."""

    def test_each_is_shown_in_words_and_others_can_be_ended(self, member: Browser, second: Browser) -> None:
        agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
        second.client.post("/logout", data={"csrf_token": second.csrf_token()})
        fields = {"email": member.user.email, "password": PASSWORD, "csrf_token": second.csrf_token()}
        second.client.post("/login", data=fields, headers=agent)
        page = member.get("/profile")
        assert ("Firefox on Linux" in page.text, page.text.count("This one"), "127.0.0.1" in page.text) == (
            True,
            1,
            True,
        )
        number = re.findall(r'action="(/profile/sign-ins/\d+/end)"', page.text)
        assert len(number) == 1
        assert "That browser is signed out." in member.post(number[0]).text
        assert second.get("/profile").request.path == "/login"

    def test_those_that_are_remembered_say_so_and_end_like_the_others(self, member: Browser, second: Browser) -> None:
        second.post("/logout")
        second.submit("/login", email=member.user.email, password=PASSWORD, remember=True)
        assert member.get("/profile").text.count("Remembered") == 1
        member.post("/profile/sign-ins/end-others")
        assert second.get("/profile").request.path == "/login"

    def test_all_others_are_ended_at_once(self, member: Browser, second: Browser) -> None:
        assert "All other browsers are signed out." in member.post("/profile/sign-ins/end-others").text
        assert [b.get("/profile").request.path for b in (member, second)] == ["/profile", "/login"]

    def test_ending_the_others_ends_copies_of_this_ones_cookie(self, app: Flask, member: Browser) -> None:
        thief = copy_of(app, member)
        assert thief.get("/profile").request.path == "/profile"
        member.post("/profile/sign-ins/end-others")
        assert [b.get("/profile").request.path for b in (member, thief)] == ["/profile", "/login"]

    def test_somebody_elses_is_not_there(self, member: Browser, administrator: Browser, database: Database) -> None:
        with database.reading() as session:
            mine = session.scalars(select(SignIn.id).where(SignIn.user_id == administrator.user.id)).one()
        assert member.post(f"/profile/sign-ins/{mine}/end").status_code == 404
        assert administrator.get("/profile").request.path == "/profile"

    def test_what_a_browser_calls_itself_is_text(self, app: Flask, member: Browser, database: Database) -> None:
        with database.writing() as session:
            session.scalars(select(SignIn)).one().address = "<i>"
        assert "<i>" not in member.get("/profile").text


class TestAddress:
    """From asking to undoing."""

    @pytest.mark.one_database
    def test_asking_too_often_keeps_what_was_typed_and_says_when_to_go_on(self, member: Browser) -> None:
        ask(member)
        page = member.post("/profile/address", **FORMS["address"])
        assert (page.status_code, page.headers["Retry-After"]) == (429, "300")
        assert f'value="{NEW}"' in page.text
        assert "Try again in 5 minutes." in page.text

    def test_a_person_moves_to_another_address_and_back(
        self, app: Flask, member: Browser, stranger: Browser, inbox: Inbox, deliver: Act
    ) -> None:
        old = member.user.email
        assert f"A mail to {NEW} is on its way" in ask(member)
        deliver()
        stranger.get(inbox.last.link)
        page = stranger.submit("/confirm-address")
        assert (page.request.path, f"{NEW} is the address" in page.text, member.user.email) == ("/login", True, NEW)
        deliver()
        undo = inbox.last.link
        assert Browser(app, member._user_id).sign_in().status_code == 200
        stranger.get(undo)
        page = stranger.submit("/restore-address")
        assert (page.request.path, member.user.email) == ("/reset-password", old)
        assert member.get("/").request.path == "/login"
        stranger.submit_on(page, password=OTHER, password_confirm=OTHER)
        assert member.sign_in(OTHER).status_code == 200

    def test_who_is_signed_in_comes_back_to_the_profile(self, member: Browser, inbox: Inbox, deliver: Act) -> None:
        ask(member)
        deliver()
        member.get(inbox.last.link)
        assert member.submit("/confirm-address").request.path == "/profile"

    def test_looking_spends_nothing_and_the_secret_leaves_the_address(
        self, member: Browser, stranger: Browser, inbox: Inbox, deliver: Act, database: Database
    ) -> None:
        ask(member)
        deliver()
        path = inbox.last.link.removeprefix("https://mailroom.example")
        for look in (stranger.client.head, stranger.client.get):
            assert look(path).headers["Location"] == "/confirm-address"
            assert look("/confirm-address").status_code == 200
        with database.reading() as session:
            assert session.scalars(select(Link)).one().used_at is None
        assert member.user.email != NEW

    def test_while_it_waits_it_can_be_sent_again_or_cancelled(self, member: Browser, owed: Owed) -> None:
        assert "/profile/address/cancel" not in member.get("/profile").text
        page = ask(member)
        assert f"<bdi>{NEW}</bdi>" in page
        assert "/profile/address/again" in page
        assert member.post("/profile/address/again").status_code == 429
        page = member.post("/profile/address/cancel").text
        assert "Your address stays as it is." in page
        assert f"<bdi>{NEW}</bdi>" not in page
        assert member.post("/profile/address/again").status_code == 404

    def test_asking_tells_nobody_which_addresses_are_taken(self, member: Browser, administrator: Browser) -> None:
        taken = administrator.user.email
        pages = [ask(member, email).replace(email, "") for email in (taken, "free@mailroom.example")]
        assert "is on its way" in pages[0]
        assert len({re.sub(r'name="csrf_token" value="[^"]*"|<time.*?</time>', "", page) for page in pages}) == 1

    def test_the_link_tells_its_reader_that_the_address_is_taken(
        self, member: Browser, stranger: Browser, database: Database, inbox: Inbox, deliver: Act
    ) -> None:
        ask(member)
        deliver()
        add_person(database, NEW)
        page = stranger.get(inbox.last.link)
        assert (page.status_code, "There is an account with this address already" in page.text) == (409, True)
        assert stranger.post("/confirm-address").status_code == 409

    @pytest.mark.parametrize(
        ("email", "problem"),
        [
            ("max@mailroom.example", "your address already"),
            ("max@MAILROOM.example", "your address already"),
            ("", "Give an e-mail address"),
            ("max", "not an e-mail address"),
            ("a@b.example,c@d.example", "one address only"),
            ("a@b.example\r\nBcc: c@d.example", "Line breaks"),
        ],
    )
    def test_what_cannot_be_asked_for_is_told_beside_the_field(
        self, member: Browser, owed: Owed, email: str, problem: str
    ) -> None:
        assert error_beside(ask(member, email), problem)
        assert owed() == []

    def test_an_international_address_can_be_had(self, member: Browser, inbox: Inbox, deliver: Act) -> None:
        ask(member, "max@bücher.example")
        deliver()
        member.get(inbox.last.link)
        member.submit("/confirm-address")
        assert (member.user.email, member.user.email_key) == ("max@bücher.example", "max@xn--bcher-kva.example")

    @pytest.mark.parametrize("path", ["/confirm-address", "/restore-address"])
    @pytest.mark.parametrize("secret", ["made-up", "x" * 5000, "%00"])
    def test_a_made_up_link_leads_on(self, stranger: Browser, path: str, secret: str) -> None:
        page = stranger.get(f"{path}/{secret}")
        assert (page.status_code, 'href="/profile"' in page.text) == (404, True)

    def test_a_stale_confirmation_comes_back(self, member: Browser, inbox: Inbox, deliver: Act) -> None:
        ask(member)
        deliver()
        member.get(inbox.last.link)
        page = member.client.post("/confirm-address", data={"csrf_token": "stale"})
        assert "open for too long" in page.text
        assert member.submit_on(page).request.path == "/profile"

    def test_the_code_from_the_mail_is_as_good_as_the_link(self, member: Browser, inbox: Inbox, deliver: Act) -> None:
        ask(member)
        deliver()
        page = member.submit("/profile", code="ABCD-EFGH")
        assert error_beside(page.text, "This code is wrong")
        page = member.submit_on(page, code=inbox.last.code.lower())
        assert page.request.path == "/confirm-address"
        member.submit_on(page)
        assert member.user.email == NEW

    def test_the_code_is_worth_nothing_to_somebody_else(
        self, member: Browser, administrator: Browser, inbox: Inbox, deliver: Act
    ) -> None:
        ask(member)
        deliver()
        ask(administrator, "other@new.example")
        assert error_beside(administrator.submit("/profile", code=inbox.last.code).text, "This code is wrong")

    def test_page_and_mail_name_the_account_that_would_have_the_address(
        self, stranger: Browser, database: Database, inbox: Inbox, deliver: Act, app: Flask
    ) -> None:
        odd = Browser(app, add_person(database, "o'brien&co@mailroom.example"))
        odd.let_in()
        ask(odd)
        deliver()
        assert "of the account o'brien&co@mailroom.example" in inbox.last.text.replace("\r\n", " ")
        assert "o&#39;brien&amp;co@mailroom.example" in stranger.get(inbox.last.link).text


class TestAnotherPersonsBrowser:
    """A link that is opened where somebody else is signed in."""

    def test_confirming_tells_who_is_signed_in_here(
        self, member: Browser, administrator: Browser, inbox: Inbox, deliver: Act
    ) -> None:
        ask(member)
        deliver()
        administrator.get(inbox.last.link)
        page = administrator.submit("/confirm-address")
        assert "In this browser somebody else is signed in" in page.text
        assert administrator.user.email in page.text
        assert member.user.email == NEW

    @pytest.mark.parametrize("purpose", [Purpose.RESET, Purpose.RESTORE_ADDRESS])
    def test_a_reset_or_an_undone_change_ends_that_sign_in(
        self, member: Browser, administrator: Browser, parts: Parts, purpose: Purpose
    ) -> None:
        with parts.database.writing() as session:
            secret = links.mint(session, member.user, purpose, clock.now() + timedelta(hours=1), "old@mailroom.example")
        path = links.PATHS[purpose].rstrip("/")
        page = administrator.get(f"{path}/{secret}")
        fields = {"password": OTHER, "password_confirm": OTHER} if purpose == Purpose.RESET else {}
        administrator.submit_on(page, **fields)
        with parts.database.reading() as session:
            assert session.scalars(select(SignIn).where(SignIn.user_id == administrator.user.id)).all() == []
