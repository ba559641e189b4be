"""What all pages share."""

import re

import pytest
from sqlalchemy import text

from tests.support.browser import Browser
from webapp.core.database import Database

pytestmark = pytest.mark.one_database


def test_a_failure_is_told_even_when_the_settings_cannot_be_read(stranger: Browser, database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("DROP TABLE general_settings"))
    page = stranger.get("/nothing")
    assert page.status_code == 404
    assert "<h1>Page not found</h1>" in page.text


def test_browsers_may_keep_a_static_file_whose_address_names_its_version(stranger: Browser) -> None:
    addresses = re.findall(r'(?:href|src)="(/\S*static/\S+)"', stranger.get("/login").text)
    assert len(addresses) == 4
    for address in addresses:
        assert "?v=" in address
        assert "max-age=31536000" in stranger.get(address).headers["Cache-Control"]


def test_a_failure_leads_back_to_the_page_before_on_this_site_alone(stranger: Browser) -> None:
    back = "Back to the previous page"
    assert back in stranger.get("/nothing", headers={"Referer": "http://localhost/login"}).text
    assert back not in stranger.get("/nothing", headers={"Referer": "https://evil.example/login"}).text
    assert back not in stranger.get("/nothing").text


def test_the_language_and_its_direction_are_named(stranger: Browser) -> None:
    assert '<html lang="en" dir="ltr">' in stranger.get("/login").text
