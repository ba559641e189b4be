"""Tests of webapp.outbox.webhook_events."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from tests.conftest import Enqueue
from tests.support.applications import add_application, submit
from tests.support.inbox import Inbox
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.outbox import claims, service
from webapp.outbox.submissions import service as submissions
from webapp.webhooks import service as webhooks
from webapp.webhooks.models import Webhook, WebhookDelivery

Act = Callable[[], None]


@pytest.fixture(autouse=True)
def webhook(state: AppState) -> None:
    """A webhook that wants every event."""
    with state.database.transaction() as session:
        webhooks.create(session, state.sealer, name="All", url="https://all.example/")


def told(database: Database) -> list[tuple[str, dict[str, Any]]]:
    with database.read() as session:
        rows = session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id))
        return [(row.type, json.loads(row.body)["data"]) for row in rows]


def test_a_delivered_message_is_told_with_the_servers_words(
    enqueue: Enqueue, deliver: Act, scripted: Callable[..., ScriptedServer], use_server: Callable[..., None],
    database: Database,
) -> None:  # fmt: skip
    use_server(scripted({"END": "250 2.0.0 Ok: queued as 4FZk5c"}))
    message_id = enqueue()
    deliver()
    assert told(database) == [
        (
            "message.delivered",
            {
                "text": "The email to eve@people.example was delivered to the mail server.",
                "message": message_id,
                "submission": None,
                "kind": "activated",
                "recipient": "eve@people.example",
                "application": None,
                "attempts": 1,
                "reply": "250 2.0.0 Ok: queued as 4FZk5c",
            },
        )
    ]


@pytest.mark.one_database
def test_a_rejected_message_is_told_with_the_cause(
    enqueue: Enqueue, deliver: Act, scripted: Callable[..., ScriptedServer], use_server: Callable[..., None],
    database: Database,
) -> None:  # fmt: skip
    use_server(scripted({"RCPT": "550 5.1.1 No such user"}))
    enqueue()
    deliver()
    [(event_type, data)] = told(database)
    assert (event_type, data["reply"], data["attempts"]) == ("message.failed", "550 5.1.1 No such user", 1)
    assert data["cause"]["stage"] == "rcpt"
    assert "550 5.1.1 No such user" in data["cause"]["reason"]


@pytest.mark.one_database
def test_messages_that_expired_or_may_have_arrived_are_told(
    enqueue: Enqueue, deliver: Act, make_due: Act, scripted: Callable[..., ScriptedServer],
    use_server: Callable[..., None], database: Database,
) -> None:  # fmt: skip
    use_server(scripted(drop_at="END"))
    enqueue(recipient="uncertain@people.example")
    deliver()
    make_due()
    deliver()
    enqueue(recipient="late@people.example", expires_at=clock.now() + timedelta(minutes=1))
    with time_machine.travel(clock.now() + timedelta(hours=1)), database.transaction() as session:
        claims.expire(session, clock.now())
    recipients = {event_type: data["recipient"] for event_type, data in told(database)}
    assert recipients == {
        "message.uncertain": "uncertain@people.example", "message.expired": "late@people.example"
    }  # fmt: skip


@pytest.mark.one_database
def test_a_canceled_message_is_not_told(enqueue: Enqueue, database: Database) -> None:
    message_id = enqueue("test")
    with database.transaction() as session:
        service.cancel(session, message_id)
    assert told(database) == []


@pytest.mark.one_database
def test_a_message_of_an_application_is_told_to_its_webhook_by_the_id_that_it_knows(
    deliver: Act, inbox: Inbox, state: AppState
) -> None:
    shop = add_application(state.database, "Shop")
    other = add_application(state.database, "Other", secret="another secret", identifier="app_other")
    with state.database.transaction() as session:
        for one in (shop, other):
            webhooks.create(session, state.sealer, name=one.name, url="https://x.example/", application_id=one.id)
        content = b"From: shop@shop.example\r\nSubject: Hello\r\n\r\nHello\r\n"
        envelope = submissions.Handed("shop@shop.example", ["eve@people.example"], content)
        submission = submit(session, state.sealer, shop, envelope)
    deliver()
    with state.database.read() as session:
        names = session.scalars(select(Webhook.name).join(WebhookDelivery, WebhookDelivery.webhook_id == Webhook.id))
        assert sorted(names) == ["All", "Shop"]
    _type, data = told(state.database)[0]
    assert (data["submission"], data["application"], data["kind"]) == (submission.public_id, "app_shop", "application")
