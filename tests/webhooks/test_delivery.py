"""Events on their way: signed, once, and tried again until the receiver takes them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from tests.support.receiver import Receiver
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.webhooks import delivery, service
from webapp.webhooks.models import DeliveryState, WebhookDelivery

Owe = Callable[[str], None]
Deliver = Callable[[], None]


def last(parts: AppState) -> WebhookDelivery:
    """The newest event."""
    with parts.database.read() as session:
        return session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id.desc())).first() or pytest.fail(
            "no event"
        )


def later(**time: float) -> Any:
    """Let some time pass."""
    return time_machine.travel(clock.now() + timedelta(**time))


def test_an_event_arrives_signed_and_once(
    parts: AppState, receiver: Receiver, secret: str, owe: Owe, deliver: Deliver
) -> None:
    owe("test.happened")
    deliver()
    deliver()
    (request,) = receiver.received
    assert request.is_signed_with(secret)
    assert (request.event["type"], request.event["id"]) == ("test.happened", request.headers["webhook-id"])
    assert request.event["data"] == {"text": "Something happened."}
    assert (last(parts).state, last(parts).attempts) == (DeliveryState.DELIVERED, 1)


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 503])
@pytest.mark.one_database
def test_another_answer_than_2xx_is_tried_again(
    parts: AppState, receiver: Receiver, secret: str, owe: Owe, deliver: Deliver, status: int
) -> None:
    receiver.answers = [status]
    owe("test.happened")
    deliver()
    deliver()
    assert (last(parts).state, last(parts).last_error) == (DeliveryState.OWED, f"The receiver answered {status}.")
    with later(seconds=10):
        deliver()
    first, second = receiver.received
    assert (last(parts).state, last(parts).last_error) == (DeliveryState.DELIVERED, "")
    assert second.is_signed_with(secret)
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert second.headers["webhook-timestamp"] > first.headers["webhook-timestamp"]


@pytest.mark.one_database
def test_a_receiver_that_is_not_there_is_tried_for_three_days(
    parts: AppState, receiver: Receiver, secret: str, owe: Owe
) -> None:
    receiver.close()
    owe("test.happened")
    begun, hours = clock.now(), 0
    while last(parts).state == DeliveryState.OWED:
        with time_machine.travel(begun + timedelta(hours=hours)):
            delivery.deliver(parts, clock.now())
        hours += 1
    assert 72 < hours < 110
    assert (last(parts).state, last(parts).attempts) == (DeliveryState.GIVEN_UP, 10)
    assert "refused" in last(parts).last_error


@pytest.mark.one_database
def test_a_receiver_that_is_gone_is_left_alone(
    parts: AppState, receiver: Receiver, secret: str, owe: Owe, deliver: Deliver
) -> None:
    receiver.answers = [500, 410]
    owe("test.first")
    owe("test.second")
    deliver()
    owe("test.third")
    with later(days=1):
        deliver()
    assert (len(receiver.received), last(parts).type, last(parts).state) == (2, "test.second", DeliveryState.GIVEN_UP)


@pytest.mark.parametrize("status", [410, 500])
def test_what_an_address_answered_does_not_count_once_another_is_saved(
    parts: AppState, receiver: Receiver, secret: str, owe: Owe, deliver: Deliver, status: int
) -> None:
    owe("test.happened")
    receiver.answers = [status]
    event = delivery._taken(parts, clock.now()) or pytest.fail("nothing was due")
    outcome = delivery.next_retry(parts, event)
    with parts.database.transaction() as session:
        service.save(session, parts.sealer, receiver.url)
    with parts.database.transaction() as session:
        delivery._record(session, event, outcome, clock.now())
    deliver()
    assert (receiver.types, last(parts).state) == (["test.happened"] * 2, DeliveryState.DELIVERED)


def test_workers_at_once_send_an_event_once(parts: AppState, receiver: Receiver, secret: str, owe: Owe) -> None:
    for number in range(4):
        owe(f"test.{number}")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _number: delivery.deliver(parts, clock.now()), range(4)))
    assert sorted(receiver.types) == ["test.0", "test.1", "test.2", "test.3"]


@pytest.mark.one_database
def test_an_event_whose_worker_died_is_sent_by_another(
    parts: AppState, receiver: Receiver, secret: str, owe: Owe, deliver: Deliver
) -> None:
    owe("test.happened")
    with parts.database.transaction() as session:
        delivery._claim(session, clock.now())
    deliver()
    assert receiver.received == []
    with later(minutes=2):
        deliver()
    assert receiver.types == ["test.happened"]


@pytest.mark.one_database
def test_a_clock_that_was_ahead_holds_nothing_up(
    parts: AppState, receiver: Receiver, secret: str, owe: Owe, deliver: Deliver
) -> None:
    with later(days=300):
        owe("test.happened")
    deliver()
    assert receiver.types == ["test.happened"]


@pytest.mark.one_database
def test_a_former_secret_signs_for_a_day(
    parts: AppState, receiver: Receiver, secret: str, owe: Owe, deliver: Deliver
) -> None:
    with parts.database.transaction() as session:
        renewed = service.renew_secret(session, parts.sealer)
    owe("test.first")
    deliver()
    with later(days=2):
        owe("test.second")
        deliver()
    both, alone = receiver.received
    assert (both.is_signed_with(secret), both.is_signed_with(renewed)) == (True, True)
    assert (alone.is_signed_with(secret), alone.is_signed_with(renewed)) == (False, True)


@pytest.mark.one_database
def test_nothing_is_owed_to_nobody(parts: AppState, owe: Owe) -> None:
    owe("test.happened")
    with parts.database.read() as session:
        assert session.scalars(select(WebhookDelivery)).all() == []


@pytest.mark.one_database
def test_old_events_are_deleted_and_owed_ones_stay(
    parts: AppState, receiver: Receiver, secret: str, owe: Owe, deliver: Deliver
) -> None:
    owe("test.delivered")
    deliver()
    owe("test.owed")
    with parts.database.transaction() as session:
        service.sweep(session, clock.now() + timedelta(days=31))
        assert session.scalars(select(WebhookDelivery.type)).all() == ["test.owed"]
