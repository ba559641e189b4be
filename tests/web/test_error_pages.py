"""Error pages and static files."""

import re

import pytest
from sqlalchemy import text

from tests.support.browser import Browser
from webapp.core.database import Database

pytestmark = pytest.mark.one_database


def test_errors_have_a_page_even_if_the_settings_cannot_be_read(stranger: Browser, database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("DROP TABLE general_settings"))
    page = stranger.get("/nothing")
    assert page.status_code == 404
    assert "<h1>Page not found</h1>" in page.text


def test_an_error_page_keeps_the_navigation_of_who_is_signed_in(
    administrator: Browser, member: Browser, stranger: Browser
) -> None:
    pages = [browser.get("/nothing").text for browser in (administrator, member, stranger)]
    assert ['href="/outbox"' in page for page in pages] == [True, False, False]
    assert ['action="/logout"' in page for page in pages] == [True, True, False]
    # Errors of every kind are rendered in one place.
    assert 'href="/outbox"' in administrator.client.post("/logout").text
    assert 'action="/logout"' in member.get("/users").text


def test_static_files_with_their_version_in_the_url_may_be_cached(stranger: Browser) -> None:
    addresses = re.findall(r'(?:href|src)="(/\S*static/\S+)"', stranger.get("/login").text)
    assert len(addresses) == 4
    for address in addresses:
        assert "?v=" in address
        assert "max-age=31536000" in stranger.get(address).headers["Cache-Control"]


def test_an_error_page_only_links_back_to_pages_of_this_site(stranger: Browser) -> None:
    back = "Back to the previous page"
    assert back in stranger.get("/nothing", headers={"Referer": "http://localhost/login"}).text
    assert back not in stranger.get("/nothing", headers={"Referer": "https://evil.example/login"}).text
    assert back not in stranger.get("/nothing").text
