"""Fixtures of the outbox tests."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tests.conftest import Enqueue
from tests.support.running import free_port
from tests.support.scripted import ScriptedServer
from tests.support.users import add_user
from webapp.accounts.models import UserState
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.mail.models import MailServer
from webapp.outbox.models import Message, ServerTrouble

UseServers = Callable[..., list[int]]
TroubleOf = Callable[[int], ServerTrouble | None]


@pytest.fixture
def enqueue_reset(enqueue: Enqueue, database: Database) -> Callable[[], int]:
    """Queue a password reset email to an active user; return its id."""

    def enqueue_one() -> int:
        add_user(database, "eve@people.example", name="Eve")
        return enqueue("reset", expires_at=clock.now() + timedelta(hours=1))

    return enqueue_one


@pytest.fixture
def make_due(database: Database) -> Callable[[], None]:
    """Make every queued message due."""

    def make_due() -> None:
        with database.transaction() as session:
            session.execute(update(Message).values(next_attempt_at=clock.now()))

    return make_due


@pytest.fixture
def pending(database: Database) -> int:
    """The id of a user who has not activated the account yet."""
    return add_user(database, "eve@people.example", state=UserState.PENDING, name="Eve")


@pytest.fixture
def use_servers(state: AppState) -> UseServers:
    """Save servers on loopback as the mail server and its fallbacks; return their ids.

    None stands for a port on which nothing listens. `given` are further columns of each.
    """

    def use_servers(*servers: ScriptedServer | None, given: Sequence[dict[str, Any]] = ()) -> list[int]:
        columns = [*given, *[{}] * (len(servers) - len(given))]
        rows = [
            MailServer(
                position=position,
                name=f"Server {position}",
                provider="custom",
                mail_from=f"mailroom@server{position}.example",
                host="127.0.0.1",
                port=server.port if server else free_port(),
                security="none",
                updated_at=clock.now(),
                **{"timeout": 5, **more},
            )
            for position, (server, more) in enumerate(zip(servers, columns, strict=True))
        ]
        with state.database.transaction() as session:
            session.add_all(rows)
        return [row.id for row in rows]

    return use_servers


@pytest.fixture
def trouble_of(database: Database) -> TroubleOf:
    """Read the trouble that a server is in now, if it is."""

    def read_trouble(server_id: int) -> ServerTrouble | None:
        with database.read() as session:
            return session.get(ServerTrouble, server_id)

    return read_trouble


@pytest.fixture
def end_pauses(database: Database) -> Callable[[], None]:
    """Let the pauses of all servers in trouble be over."""

    def end_pauses() -> None:
        with database.transaction() as session:
            session.execute(update(ServerTrouble).values(retry_at=clock.now()))

    return end_pauses
