"""Webhooks: what is stored of them, and which events are queued for which."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event as database_events
from sqlalchemy import select, text

from tests.support import applications
from tests.support.receiver import Receiver
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.errors import NotFound
from webapp.webhooks import events, service
from webapp.webhooks.events import Event
from webapp.webhooks.models import Webhook, WebhookDelivery
from webapp.webhooks.registry import Audience, EventType

URL = "https://alerts.example/hook"
OF_MAILROOM = EventType("test.mailroom", "")
OF_MESSAGE = EventType("test.message", "", Audience.ITS_APPLICATION)
OF_USER = EventType("test.user", "", Audience.USER_MANAGERS)

pytestmark = pytest.mark.one_database

Enqueue = Callable[[str], None]
Deliver = Callable[[], None]
Add = Callable[..., int]


@pytest.fixture
def add(state: AppState, app: Flask) -> Add:
    """Create a webhook; return its id."""

    def add(name: str, **values: Any) -> int:
        with app.app_context(), state.database.transaction() as session:
            return service.create(session, state.sealer, **{"name": name, "url": URL, **values}).webhook.id

    return add


def add_application(state: AppState, name: str, **values: Any) -> int:
    return applications.add_application(state.database, name, secret=name, identifier=f"app_{name}", **values).id


def queued(state: AppState) -> dict[str, list[str]]:
    """Return the types of the queued events, by the name of the webhook."""
    found: dict[str, list[str]] = {}
    with state.database.read() as session:
        rows = session.execute(
            select(Webhook.name, WebhookDelivery.type).join_from(
                WebhookDelivery, Webhook, WebhookDelivery.webhook_id == Webhook.id
            )
        )
        for name, event_type in rows:
            found.setdefault(name, []).append(event_type)
    return found


def test_the_previous_secret_also_signs_for_a_day(
    state: AppState, receiver: Receiver, webhook: Webhook, secret: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    with state.database.transaction() as session:
        renewed = service.renew_secret(session, state.sealer, webhook.id)
    enqueue("test.first")
    deliver()
    with time_machine.travel(clock.now() + timedelta(days=2)):
        enqueue("test.second")
        deliver()
    both, alone = receiver.received
    assert (both.is_signed_with(secret), both.is_signed_with(renewed)) == (True, True)
    assert (alone.is_signed_with(secret), alone.is_signed_with(renewed)) == (False, True)


def test_a_secret_that_is_given_signs(state: AppState, receiver: Receiver, enqueue: Enqueue, deliver: Deliver) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    with state.database.transaction() as session:
        service.create(session, state.sealer, name="Declared", url=receiver.url, secret=secret)
        with pytest.raises(service.InvalidSecret):
            service.create(session, state.sealer, name="Short", url=receiver.url, secret="whsec_c2hvcnQ=")
    enqueue("test.happened")
    deliver()
    assert receiver.received[0].is_signed_with(secret)


def test_the_url_and_the_secrets_are_stored_sealed(state: AppState, webhook: Webhook, secret: str) -> None:
    with state.database.transaction() as session:
        renewed = service.renew_secret(session, state.sealer, webhook.id)
    with state.database.read() as session:
        row = repr(session.execute(text("SELECT * FROM webhooks")).all())
    assert not any(one in row for one in (secret, renewed, "whsec_", "127.0.0.1"))


def test_a_webhook_gets_the_events_that_it_wants(state: AppState, app: Flask, add: Add, enqueue: Enqueue) -> None:
    add("All")
    add("Some", events=["mail_server.stopped", "user.created"])
    off = add("Off")
    with state.database.transaction() as session:
        service.turn_off(session, off)
    for event_type in ("mail_server.stopped", "mail_server.recovered"):
        enqueue(event_type)
    assert queued(state) == {"All": ["mail_server.stopped", "mail_server.recovered"], "Some": ["mail_server.stopped"]}


def test_a_webhook_of_an_application_gets_its_messages_and_the_users_that_it_may_manage(
    state: AppState, add: Add
) -> None:
    shop = add_application(state, "Shop")
    portal = add_application(state, "Portal", may_manage_users=True)
    disabled = add_application(state, "Disabled", may_manage_users=True, disabled_at=clock.now())
    for name, application_id in (("Shop", shop), ("Portal", portal), ("Disabled", disabled)):
        add(name, application_id=application_id)
    with state.database.transaction() as session:
        about = [Event(OF_MESSAGE, "", {}, shop), Event(OF_MESSAGE, "", {}, disabled), Event(OF_MESSAGE, "")]
        events.enqueue_all(session, [*about, Event(OF_USER, ""), Event(OF_MAILROOM, "")])
    assert queued(state) == {"Shop": ["test.message"], "Portal": ["test.user"]}


def test_a_thousand_events_that_nobody_wants_cost_one_statement(state: AppState, add: Add) -> None:
    add("Pager", events=["mail_server.stopped"])
    statements: list[str] = []
    with state.database.transaction() as session:
        database_events.listen(
            session.connection(), "before_cursor_execute", lambda *given: statements.append(given[2])
        )
        events.enqueue_all(session, [Event(OF_MESSAGE, "Sent.") for _number in range(1000)])
    assert len(statements) == 1


def test_names_are_unique(add: Add) -> None:
    add("Pager")
    with pytest.raises(service.NameTaken):
        add("Pager")


def test_a_webhook_goes_with_its_application(state: AppState, add: Add) -> None:
    webhook_id = add("Shop", application_id=add_application(state, "Shop"))
    with state.database.transaction() as session:
        session.execute(text("DELETE FROM applications"))
        with pytest.raises(NotFound):
            service.get(session, webhook_id)


def test_old_events_are_deleted_and_those_queued_for_too_long_are_given_up(
    state: AppState, webhook: Webhook, enqueue: Enqueue, deliver: Deliver
) -> None:
    enqueue("test.delivered")
    deliver()
    enqueue("test.queued")
    with state.database.transaction() as session:
        events.delete_old(session, clock.now() + timedelta(days=4))
        assert session.scalars(select(WebhookDelivery.state)).all() == ["delivered", "failed"]
        events.delete_old(session, clock.now() + timedelta(days=8))
        assert session.scalars(select(WebhookDelivery)).all() == []
