"""The webhook's settings, and what is queued for it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, text

from tests.support.receiver import Receiver
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.webhooks import service
from webapp.webhooks.models import WebhookDelivery

pytestmark = pytest.mark.one_database

Enqueue = Callable[[str], None]
Deliver = Callable[[], None]


def test_the_previous_secret_also_signs_for_a_day(
    state: AppState, receiver: Receiver, secret: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    with state.database.transaction() as session:
        renewed = service.renew_secret(session, state.sealer)
    enqueue("test.first")
    deliver()
    with time_machine.travel(clock.now() + timedelta(days=2)):
        enqueue("test.second")
        deliver()
    both, alone = receiver.received
    assert (both.is_signed_with(secret), both.is_signed_with(renewed)) == (True, True)
    assert (alone.is_signed_with(secret), alone.is_signed_with(renewed)) == (False, True)


def test_the_url_and_the_secrets_are_stored_sealed(state: AppState, receiver: Receiver, secret: str) -> None:
    with state.database.transaction() as session:
        renewed = service.renew_secret(session, state.sealer)
    with state.database.read() as session:
        row = repr(session.execute(text("SELECT * FROM webhook_settings")).all())
    assert not any(one in row for one in (secret, renewed, "whsec_", "127.0.0.1"))


def test_no_event_is_queued_without_a_url(state: AppState, enqueue: Enqueue) -> None:
    enqueue("test.happened")
    with state.database.read() as session:
        assert session.scalars(select(WebhookDelivery)).all() == []


def test_old_events_are_deleted_unless_they_are_queued(
    state: AppState, receiver: Receiver, secret: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    enqueue("test.delivered")
    deliver()
    enqueue("test.queued")
    with state.database.transaction() as session:
        service.delete_old_events(session, clock.now() + timedelta(days=31))
        assert session.scalars(select(WebhookDelivery.type)).all() == ["test.queued"]
