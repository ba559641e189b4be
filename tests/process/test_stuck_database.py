"""Many requests that wait for one row, at the real web server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError

import psycopg
import pytest

from tests.support.browser import PASSWORD
from tests.support.postgresql import PostgreSQL
from tests.support.running import Visitor, free_port, running, until
from tests.support.users import add_user
from webapp.core.database import Database

EMAIL = "max@mailroom.example"


@pytest.fixture
def database_url(postgresql: PostgreSQL) -> Iterator[str]:
    """A database with one person."""
    with postgresql.fresh() as url:
        database = Database(url)
        add_user(database, EMAIL)
        database.engine.dispose()
        yield url


@pytest.fixture
def address(database_url: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a running Mailroom with one process of eight threads."""
    port = free_port()
    environ = {"MAILROOM_DATABASE_URL": database_url, "MAILROOM_SECRET_KEY": "x" * 32}
    options = ("--port", str(port), "--processes", "1", "--threads", "8", "--workers", "0")
    with running(tmp_path, "serve", *options, environ=environ) as mailroom:
        mailroom.wait_for("Mailroom is listening on")
        yield f"http://127.0.0.1:{port}"


def sign_in(address: str) -> int:
    try:
        return Visitor(address).submit("/login", email=EMAIL, password=PASSWORD).status
    except HTTPError as error:
        return error.code


def test_pages_go_on_while_a_row_is_held_that_many_wait_for(address: str, database_url: str) -> None:
    signed_in = Visitor(address)
    assert signed_in.submit("/login", email=EMAIL, password=PASSWORD).address == f"{address}/"
    with psycopg.connect(database_url) as other, ThreadPoolExecutor(24) as people:
        other.execute("SELECT * FROM users FOR UPDATE")
        attempts = [people.submit(sign_in, address) for _ in range(24)]
        until(lambda: any(one.done() for one in attempts))
        for path in ("/", "/healthz", "/readyz"):
            assert signed_in.get(path).status == 200
        assert not all(one.done() for one in attempts)
        other.rollback()
        assert {one.result() for one in attempts} == {200, 503}
    assert sign_in(address) == 200
