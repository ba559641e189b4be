"""An administrator whose mail server works, and what is saved of its revisions."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Enqueue
from tests.support.grants import GrantOwner
from tests.support.scripted import ScriptedServer
from webapp.core.app_state import AppState
from webapp.mail.revisions import service as revisions
from webapp.mail.revisions.models import Revision
from webapp.mail.servers import OAUTH2_COLUMNS
from webapp.outbox import service as outbox

WITHOUT_SIGN_IN: dict[str, Any] = {
    **dict.fromkeys((*OAUTH2_COLUMNS, "username"), ""),
    "authentication": "none",
    "host": "127.0.0.1",
    "timeout": 5,
    "goes_back": False,
    "secrets": {"client_secret": ""},
}
# Nothing listens there.
CLOSED = 9


def revisions_of(owner: GrantOwner) -> list[Revision]:
    """Return the revisions of the mail server, the first one first."""
    with owner.state.database.read() as session:
        return revisions.of_server(session, owner.server.id)[::-1]


@pytest.fixture
def send(state: AppState, enqueue: Enqueue, deliver: Callable[[], None]) -> Callable[[], None]:
    """Have an email sent, or try to, whatever failed before."""

    def send() -> None:
        enqueue("test", data={"provider": "Custom"})
        with state.database.transaction() as session:
            outbox.retry_waiting(session)
        deliver()

    return send


@pytest.fixture
def server(scripted: Callable[..., ScriptedServer]) -> ScriptedServer:
    """A mail server that takes everything."""
    return scripted(tls="none")


@pytest.fixture
def working(owner: GrantOwner, server: ScriptedServer, send: Callable[[], None]) -> GrantOwner:
    """An administrator whose mail server, which is that one, has sent email."""
    owner.save(port=server.port, **WITHOUT_SIGN_IN)
    send()
    return owner
