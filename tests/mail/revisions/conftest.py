"""An administrator whose mail server works, and what is saved of its revisions."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Enqueue
from tests.support.grants import GrantOwner
from tests.support.scripted import ScriptedServer
from webapp.mail.revisions import service as revisions
from webapp.mail.revisions.models import Revision
from webapp.mail.servers import OAUTH2_COLUMNS

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
def send(enqueue: Enqueue, deliver: Callable[[], None]) -> Callable[[], None]:
    """Have an email sent, or try to."""

    def send() -> None:
        enqueue("test", data={"provider": "Custom"})
        deliver()

    return send


@pytest.fixture
def working(owner: GrantOwner, scripted: Callable[..., ScriptedServer], send: Callable[[], None]) -> GrantOwner:
    """An administrator whose mail server has sent email."""
    owner.save(port=scripted(tls="none").port, **WITHOUT_SIGN_IN)
    send()
    return owner
