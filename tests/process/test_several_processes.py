"""Two web processes and two workers with one database."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Enqueue
from tests.support.browser import PASSWORD
from tests.support.postgresql import PostgreSQL
from tests.support.running import Visitor, free_port, running, until
from tests.support.scripted import ScriptedServer
from tests.support.users import add_user
from webapp.accounts.models import Role
from webapp.core.config import Config
from webapp.core.database import Database

EMAIL = "ada@mailroom.example"


@pytest.fixture
def database_url(postgresql: PostgreSQL) -> str:
    """A PostgreSQL database, which is what several machines share."""
    return postgresql.wiped()


@pytest.fixture
def addresses(config: Config, tmp_path: Path) -> Iterator[list[str]]:
    """The URLs of the two web processes; each runs beside a worker."""
    names = ("instance", "database_url", "secret_key")
    environ = {f"MAILROOM_{name.upper()}": str(getattr(config, name)) for name in names}
    ports = [free_port(), free_port()]
    with ExitStack() as stack:
        for port in ports:
            folder = tmp_path / str(port)
            folder.mkdir()
            serve = running(folder, "serve", "--port", str(port), "--processes", "1", environ=environ)
            mailroom = stack.enter_context(serve)
            for text in ("Mailroom is listening on", "worker started"):
                mailroom.wait_for(text)
        yield [f"http://127.0.0.1:{port}" for port in ports]


def test_settings_that_one_saves_reach_all_at_once_and_a_limit_holds_for_all_together(
    addresses: list[str], database: Database, enqueue: Enqueue, use_server: Callable[..., None]
) -> None:
    first, second = addresses
    add_user(database, EMAIL, Role.ADMINISTRATOR)
    administrator = Visitor(first)
    with ScriptedServer(drip=0.0005) as old, ScriptedServer(drip=0.0005) as new:
        use_server(old, limit_per_minute=5)
        # The email about the new sign-in counts, too.
        administrator.submit("/login", email=EMAIL, password=PASSWORD)
        for number in range(12):
            enqueue(recipient=f"{number}@people.example")
        until(lambda: len(old.messages) == 5, 20)
        assert "The limit of 5 emails a minute is reached" in administrator.get(f"{second}/").text
        administrator.submit("/settings/mail", "save", port=str(new.port), limit_per_minute="9")
        assert f'value="{new.port}"' in administrator.get(f"{second}/settings/mail").text
        until(lambda: len(new.messages) == 4)
        time.sleep(1)
        assert (len(old.messages), len(new.messages)) == (5, 4)
