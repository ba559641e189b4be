"""The database is down for a while: pages say so, and the process recovers."""

import html
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from tests.support.browser import Browser
from tests.support.postgresql import PostgreSQL
from webapp.accounts.models import Session, User
from webapp.accounts.profile import routes
from webapp.core.app_state import app_state
from webapp.core.database import Database
from webapp.web import access


@pytest.fixture
def database_kind() -> str:
    """Only a database server can be down."""
    return "postgresql"


@pytest.fixture
def database_url(postgresql: PostgreSQL) -> Iterator[str]:
    """A separate database for the test."""
    with postgresql.fresh() as url:
        yield url


@contextmanager
def stopped(url: str) -> Iterator[None]:
    """Close all connections of the database, and accept no new ones during the block."""
    name = make_url(url).database
    with psycopg.connect(url.replace(f"/{name}?", "/postgres?"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name])
        yield
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


def test_pages_say_that_the_database_is_down_and_work_again_when_it_is_back(
    administrator: Browser, database_url: str
) -> None:
    statuses = {"/": 200, "/profile": 200, "/users": 200, "/login": 200, "/settings/mail": 200, "/nothing": 404}
    assert {path: administrator.get(path).status_code for path in statuses} == statuses
    with stopped(database_url):
        for path in statuses:
            answer = administrator.get(path)
            assert (answer.status_code, "isn't responding" in html.unescape(answer.text)) == (503, True), path
            assert "psycopg" not in answer.text
        assert administrator.client.get("/readyz").status_code == 503
        assert administrator.client.get("/healthz").status_code == 200
    assert {path: administrator.get(path).status_code for path in statuses} == statuses


def test_a_form_submitted_meanwhile_changes_nothing_and_can_be_submitted_again(
    member: Browser, database_url: str
) -> None:
    page = member.get("/profile")
    with stopped(database_url):
        answer = member.submit_on(page, name="Maxine")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    member.submit_on(page, name="Maxine")
    assert member.user.name == "Maxine"


def test_the_error_page_does_not_query_the_database_again(
    member: Browser, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = ExitStack()

    def break_off(*_: object) -> list[Session]:
        away.enter_context(stopped(database_url))
        raise OperationalError("SELECT", {}, Exception("gone"))

    with member.client.session_transaction() as session:
        session["_flashes"] = [("success", "Saved.")]
    monkeypatch.setattr(routes, "list_for_user", break_off)
    with away:
        assert member.get("/profile").status_code == 503


def test_a_connection_lost_within_a_request_undoes_all_of_its_changes(
    app: Flask, member: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off() -> str:
        with app_state().database.transaction() as session:
            session.execute(text("UPDATE users SET name = 'half done'"))
            session.connection().detach()
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return "never"

    app.add_url_rule("/break-off", "break_off", break_off)
    monkeypatch.setattr(access, "MEMBER", access.MEMBER | {"break_off"})
    assert member.get("/break-off").status_code == 503
    assert member.user.name == "Max"


def test_nobody_can_sign_in_meanwhile(stranger: Browser, database: Database, database_url: str) -> None:
    page = stranger.get("/login")
    with stopped(database_url):
        assert stranger.submit_on(page, email="ada@mailroom.example", password="x").status_code == 503
    with database.read() as session:
        assert session.query(User).count() == 0
