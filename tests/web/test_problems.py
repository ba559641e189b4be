"""Errors below /api/ are problems for programs, not pages."""

import pytest
from sqlalchemy import text

from tests.support.browser import Browser
from webapp.core.database import Database

pytestmark = pytest.mark.one_database


def test_an_unknown_url_of_the_api_is_a_problem_in_english(administrator: Browser) -> None:
    answer = administrator.get("/api/nothing", headers={"Accept": "text/html", "Accept-Language": "de"})
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert answer.json == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this URL.",
    }


def test_the_api_sets_no_cookies_and_wants_no_csrf_token(stranger: Browser) -> None:
    answer = stranger.client.post("/api/nothing", data={"csrf_token": "forged"})
    assert (answer.status_code, answer.headers.getlist("Set-Cookie")) == (404, [])


def test_the_api_reads_no_session(administrator: Browser, database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("DROP TABLE sessions"))
    assert administrator.get("/api/nothing").status_code == 404
