"""The SMTP server, the worker and the database are killed while clients hand in email: what got 250 arrives."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.killing import Installation, installation
from tests.support.postgresql import PostgreSQL, running_postgresql
from tests.support.running import until
from tests.support.scripted import ScriptedServer
from webapp.core.config import Config
from webapp.core.database import Database

# Each costs the start of a process; `make bench` kills many more.
KILLS = 2


@pytest.fixture
def sink(use_server: Callable[..., None]) -> Iterator[ScriptedServer]:
    """A mail server that accepts everything."""
    with ScriptedServer() as server:
        use_server(server)
        yield server


@pytest.mark.one_database
def test_nothing_is_lost_when_the_server_and_the_worker_are_killed(
    sink: ScriptedServer, tmp_path: Path, config: Config, database: Database
) -> None:
    with installation(tmp_path, config, database) as site:
        site.kill_now_and_then(lambda: site.kill("submission"), KILLS)
        site.kill_now_and_then(lambda: site.kill("worker"), 1)
        copies = all_copies(site, sink)
    assert copies.total() - len(copies) <= KILLS + 1


class TestDatabase:
    """A PostgreSQL server of its own, whose commits wait for the disk."""

    @pytest.fixture
    def postgresql(self) -> Iterator[PostgreSQL]:
        """The server."""
        with running_postgresql(durable=True) as server:
            yield server

    @pytest.fixture
    def database_url(self, postgresql: PostgreSQL) -> str:
        """Its database."""
        return postgresql.wiped()

    def test_nothing_is_lost_when_the_database_is_killed(
        self, sink: ScriptedServer, tmp_path: Path, config: Config, database: Database, postgresql: PostgreSQL
    ) -> None:
        with installation(tmp_path, config, database) as site:
            site.kill_now_and_then(postgresql.kill, KILLS)
            copies = all_copies(site, sink)
        assert copies.total() - len(copies) <= KILLS


def all_copies(site: Installation, sink: ScriptedServer) -> Counter[int]:
    """Wait until everybody has got the email that was accepted for them, and return how many copies of it."""

    def copies() -> Counter[int]:
        return Counter(map(int, re.findall(rb"^To: person(\d+)@", b"".join(sink.messages), re.MULTILINE)))

    site.clients.stop()
    until(lambda: set(site.clients.accepted) == set(copies()))
    return copies()
