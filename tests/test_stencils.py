"""Pages that are drawn once and filled in for everybody."""

import re

import pytest
from flask import Flask

from tests.support.browser import Browser
from webapp.context import Parts
from webapp.settings import service as settings

pytestmark = pytest.mark.one_database


def token(page: str) -> str:
    """The CSRF token in a page's form."""
    found = re.search(r'name="csrf_token" [^>]*value="([^"]+)"', page)
    assert found, page
    return found[1]


def test_each_visitor_gets_a_token_of_their_own(app: Flask, stranger: Browser) -> None:
    pages = [stranger.get("/login").text, Browser(app).get("/login").text]
    assert token(pages[0]) != token(pages[1])
    assert pages[0].replace(token(pages[0]), "") == pages[1].replace(token(pages[1]), "")


def test_the_token_of_a_filled_in_page_is_good(app: Flask, stranger: Browser, member: Browser) -> None:
    Browser(app).get("/login")
    answer = stranger.submit("/login", email=member.user.email, password="wrong")
    assert "do not fit together" in answer.text


def test_saved_settings_are_on_the_next_page(stranger: Browser, parts: Parts) -> None:
    stranger.get("/login")
    with parts.database.writing() as session:
        settings.save(session, None, "Another name", "")
    assert "Another name" in stranger.get("/login").text


def test_what_is_for_one_visitor_is_on_no_other_page(app: Flask, member: Browser) -> None:
    signed_out = member.post("/logout")
    assert "You are signed out." in signed_out.text
    assert "You are signed out." not in Browser(app).get("/login").text
    assert "%2Foutbox" not in Browser(app).get("/login").text
