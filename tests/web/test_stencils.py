"""Pages that are drawn once and filled in for everybody."""

import re

import pytest
from flask import Flask, g, render_template, session
from sqlalchemy import update

from tests.support.browser import Browser
from tests.support.people import add_person
from webapp.accounts.models import Role, User
from webapp.accounts.service import has_users
from webapp.accounts.sessions.browser import SIGN_IN
from webapp.core.app_state import AppState
from webapp.home import routes
from webapp.mail.expiry import banner
from webapp.outbox.service import enqueue
from webapp.outbox.status import delivery_status
from webapp.settings import service as settings

AWKWARD = """<b>O'Hara & "Co" %(name)s {{ 7 }} \\1</b>"""

pytestmark = pytest.mark.one_database


def token(page: str) -> str:
    """The CSRF token in a page's form."""
    found = re.search(r'name="csrf_token" [^>]*value="([^"]+)"', page)
    assert found, page
    return found[1]


def drawn(app: Flask, parts: AppState, reader: User) -> str:
    """Home as it is drawn for this reader alone, without its token."""
    state, others = None if reader.role == Role.MEMBER else delivery_status(parts.database), has_users(parts.database)
    with app.test_request_context("/"):
        g._login_user, g.csrf_token, session[SIGN_IN] = reader, "", "so that the page is in the reader's language"
        return routes._page(state, others, banner.warnings()) if state else render_template("home/home.html", flow=None)


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("role", Role)
def test_home_is_for_everybody_as_if_it_was_drawn_for_them(
    app: Flask, parts: AppState, role: Role, language: str
) -> None:
    for number, name in enumerate(("Ada", AWKWARD, "Bob")):
        browser = Browser(app, add_person(parts.database, f"{number}.o'hara&co@people.example", role, name=name))
        with parts.database.transaction() as transaction:
            transaction.execute(update(User).values(language=language))
        browser.let_in()
        page = browser.get("/").text
        assert page.replace(token(page), "") == drawn(app, parts, browser.user)


def test_home_tells_of_what_happened_since_it_was_drawn(administrator: Browser, parts: AppState) -> None:
    assert "1 message" not in administrator.get("/").text
    with parts.database.transaction() as transaction:
        enqueue(transaction, "reset", "ada@people.example")
    assert "1 message" in administrator.get("/").text


def test_home_of_a_member_is_not_what_an_administrator_saw(app: Flask, administrator: Browser, member: Browser) -> None:
    assert "/settings/general" in administrator.get("/").text
    assert "/settings/general" not in member.get("/").text


def test_each_visitor_gets_a_token_of_their_own(app: Flask, stranger: Browser) -> None:
    pages = [stranger.get("/login").text, Browser(app).get("/login").text]
    assert token(pages[0]) != token(pages[1])
    assert pages[0].replace(token(pages[0]), "") == pages[1].replace(token(pages[1]), "")


def test_the_token_of_a_filled_in_page_is_good(app: Flask, stranger: Browser, member: Browser) -> None:
    Browser(app).get("/login")
    answer = stranger.submit("/login", email=member.user.email, password="wrong")
    assert "do not fit together" in answer.text


def test_saved_settings_are_on_the_next_page(stranger: Browser, parts: AppState) -> None:
    stranger.get("/login")
    with parts.database.transaction() as transaction:
        settings.save(transaction, None, "Another name", "")
    assert "Another name" in stranger.get("/login").text


def test_what_is_for_one_visitor_is_on_no_other_page(app: Flask, member: Browser) -> None:
    signed_out = member.post("/logout")
    assert "You've been signed out." in signed_out.text
    assert "You've been signed out." not in Browser(app).get("/login").text
    assert "%2Foutbox" not in Browser(app).get("/login").text
