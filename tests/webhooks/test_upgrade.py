"""The webhook of a database from before there were several."""

import json
from collections.abc import Callable

import pytest
from alembic import command
from sqlalchemy import Connection, text

from tests.support.receiver import Receiver
from webapp.core import clock, schema
from webapp.core.app_state import AppState
from webapp.webhooks import service, signing
from webapp.webhooks.models import Webhook

Enqueue = Callable[[str], None]
Deliver = Callable[[], None]


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """A database whose schema the test may change."""
    return own_database_url


def change(state: AppState, function: Callable[[Connection], None]) -> None:
    with state.database.engine.connect().execution_options(writes=True) as connection, connection.begin():
        function(connection)


def test_a_saved_webhook_goes_on_getting_its_events_with_its_secret(
    state: AppState, receiver: Receiver, enqueue: Enqueue, deliver: Deliver
) -> None:
    secret = signing.new_secret()
    now, body = clock.now(), json.dumps({"type": "mail_server.ended"})
    sealed = {"url": state.sealer.seal(receiver.url, service.URL), "secret": state.sealer.seal(secret, service.SECRET)}
    change(state, lambda connection: command.downgrade(schema.alembic_config(connection), "0016"))
    with state.database.transaction() as session:
        settings = "INSERT INTO webhook_settings VALUES (1, :url, :secret, '', :now, NULL)"
        session.execute(text(settings), {**sealed, "now": now})
        waiting = (
            "INSERT INTO webhook_deliveries VALUES (7, 'evt_1', :type, :body, 'queued', :now, :now, 0, NULL, '', '{}')"
        )
        session.execute(text(waiting), {"type": "mail_server.ended", "body": body, "now": now})
    schema.upgrade(state.database)
    for event_type in ("mail_server.stopped", "message.delivered"):
        enqueue(event_type)
    deliver()
    assert receiver.types == ["mail_server.ended", "mail_server.stopped"]
    assert all(request.is_signed_with(secret) for request in receiver.received)
    with state.database.read() as session:
        assert session.get_one(Webhook, 1).name == "Webhook"


@pytest.mark.one_database
def test_a_webhook_that_was_off_is_gone(state: AppState) -> None:
    change(state, lambda connection: command.downgrade(schema.alembic_config(connection), "0016"))
    with state.database.transaction() as session:
        session.execute(
            text("INSERT INTO webhook_settings VALUES (1, '', 'sealed', '', :now, NULL)"), {"now": clock.now()}
        )
    schema.upgrade(state.database)
    with state.database.read() as session:
        assert service.list_all(session) == []
