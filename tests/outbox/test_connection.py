"""The connection that is reused from message to message."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import update

from tests.conftest import Enqueue
from tests.support.certificates import Authority
from tests.support.inbox import Inbox, running_inbox
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.models import MailServer
from webapp.outbox import delivery
from webapp.outbox.connection import Connections

Deliver = Callable[[], None]


def test_settings_saved_during_a_run_apply_to_the_next_message(
    app: Flask, enqueue: Enqueue, state: AppState, inbox: Inbox, authority: Authority
) -> None:
    for number in range(2):
        enqueue(recipient=f"{number}@people.example")
    with running_inbox(authority) as other:

        def stopping() -> bool:
            if len(inbox.messages) == 1:
                with state.database.transaction() as session:
                    session.execute(update(MailServer).values(port=other.port, updated_at=clock.now()))
            return False

        delivery.deliver_due(app, stopping=stopping)
        assert [message.rcpt_to for message in inbox.messages] == [["0@people.example"]]
        assert [message.rcpt_to for message in other.messages] == [["1@people.example"]]


@pytest.mark.parametrize(("limit", "connections"), [(None, 1), (3, 2)])
def test_the_next_run_uses_the_connection_unless_their_number_is_limited(
    limit: int | None, connections: int, app: Flask, state: AppState, enqueue: Enqueue, use_server: Callable[..., None]
) -> None:
    with ScriptedServer() as server:
        use_server(server, limit_connections=limit)
        with Connections(state) as kept:
            for _run in range(2):
                enqueue()
                delivery.deliver_due(app, connections=kept)
    assert (server.connections, len(server.messages)) == (connections, 2)
    assert server.commands.count("QUIT") == connections
