"""Delivering events: signed, once, and retried until the receiver accepts them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from tests.support.receiver import Receiver, running_receiver
from tests.support.running import until
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.webhooks import delivery, labels, service, signing
from webapp.webhooks.models import DeliveryState, Webhook, WebhookDelivery

Enqueue = Callable[[str], None]
Deliver = Callable[[], None]


def last(state: AppState) -> WebhookDelivery:
    with state.database.read() as session:
        return session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id.desc())).first() or pytest.fail(
            "no event"
        )


def after(**time: float) -> Any:
    return time_machine.travel(clock.now() + timedelta(**time))


def test_a_signature_is_the_one_in_the_example_of_standard_webhooks() -> None:
    moment = datetime.fromtimestamp(1614265330, UTC)
    secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    headers = signing.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', secrets, moment)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_an_event_arrives_signed_and_once(
    state: AppState, receiver: Receiver, secret: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    enqueue("test.happened")
    deliver()
    deliver()
    (request,) = receiver.received
    assert request.is_signed_with(secret)
    assert (request.event["type"], request.event["id"]) == ("test.happened", request.headers["webhook-id"])
    assert request.event["data"] == {"text": "Something happened."}
    assert (last(state).state, last(state).attempts) == (DeliveryState.DELIVERED, 1)


@pytest.mark.parametrize("status", [301, 400, 429, 503])
@pytest.mark.one_database
def test_an_event_is_retried_after_a_status_other_than_2xx(
    state: AppState, receiver: Receiver, secret: str, enqueue: Enqueue, deliver: Deliver, status: int
) -> None:
    receiver.answers = [status]
    enqueue("test.happened")
    deliver()
    deliver()
    failed = last(state)
    assert (failed.state, failed.failure_code, failed.failure_params) == (
        DeliveryState.QUEUED,
        "status",
        {"status": status},
    )
    with after(seconds=10):
        deliver()
    first, second = receiver.received
    assert (last(state).state, last(state).failure_code) == (DeliveryState.DELIVERED, "")
    assert second.is_signed_with(secret)
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert second.headers["webhook-timestamp"] > first.headers["webhook-timestamp"]


@pytest.mark.one_database
def test_an_unreachable_receiver_is_retried_for_three_days(
    state: AppState, receiver: Receiver, webhook: Webhook, enqueue: Enqueue
) -> None:
    receiver.close()
    enqueue("test.happened")
    begun, hours = clock.now(), 0
    while last(state).state == DeliveryState.QUEUED:
        with time_machine.travel(begun + timedelta(hours=hours)):
            delivery.deliver_due(state)
        hours += 1
    assert 72 < hours < 110
    assert (last(state).state, last(state).attempts) == (DeliveryState.FAILED, 10)
    assert (last(state).failure_code, "refused" in last(state).failure_params["error"]) == ("unreachable", True)


@pytest.mark.one_database
def test_a_receiver_that_is_inside_is_not_reached_where_that_is_forbidden(
    state: AppState, receiver: Receiver, webhook: Webhook, enqueue: Enqueue, deliver: Deliver, internet_only: None
) -> None:
    enqueue("test.happened")
    deliver()
    assert receiver.received == []
    described = labels.describe_failure(last(state).failure_code, last(state).failure_params)
    assert described.startswith("The receiver could not be reached: This host has a private address")


@pytest.mark.one_database
def test_a_receiver_that_replies_410_is_sent_nothing_more(
    state: AppState, receiver: Receiver, webhook: Webhook, enqueue: Enqueue, deliver: Deliver
) -> None:
    receiver.answers = [400, 410]
    enqueue("test.first")
    enqueue("test.second")
    deliver()
    enqueue("test.third")
    with after(days=1):
        deliver()
    assert (len(receiver.received), last(state).type, last(state).state) == (2, "test.second", DeliveryState.FAILED)


@pytest.mark.parametrize(("status", "times"), [(204, 1), (410, 2), (500, 2)])
def test_only_a_success_at_an_old_url_counts_once_another_is_saved(
    state: AppState, receiver: Receiver, webhook: Webhook, enqueue: Enqueue, deliver: Deliver, status: int, times: int
) -> None:
    enqueue("test.happened")
    receiver.answers = [status]
    claimed = delivery.claim(state, webhook.id, clock.now()) or pytest.fail("nothing was due")
    [event] = claimed.events
    result = delivery.send(state, claimed.webhook, event.event_id, event.body)
    with state.database.transaction() as session:
        service.update(session, state.sealer, webhook.id, name=webhook.name, url=receiver.url)
    delivery.record(state, claimed, [(event, result)])
    deliver()
    assert (receiver.types, last(state).state) == (["test.happened"] * times, DeliveryState.DELIVERED)


def test_concurrent_workers_send_each_event_once_and_in_order(
    state: AppState, receiver: Receiver, webhook: Webhook, enqueue: Enqueue
) -> None:
    for number in range(6):
        enqueue(f"test.{number}")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _number: delivery.deliver_due(state), range(4)))
    assert receiver.types == [f"test.{number}" for number in range(6)]


@pytest.mark.one_database
def test_a_receiver_that_hangs_delays_nobody_else(
    state: AppState, receiver: Receiver, webhook: Webhook, enqueue: Enqueue
) -> None:
    with running_receiver() as slow, ThreadPoolExecutor(1) as worker:
        slow.answering.clear()
        with state.database.transaction() as session:
            service.create(session, state.sealer, name="Slow", url=slow.url)
        enqueue("test.first")
        run = worker.submit(delivery.deliver_due, state)
        until(lambda: bool(slow.received and receiver.received))
        enqueue("test.second")
        until(lambda: receiver.types == ["test.first", "test.second"])
        assert not run.done()
        slow.answering.set()
        run.result(10)
    assert slow.types == ["test.first", "test.second"]


@pytest.mark.one_database
def test_a_dead_receiver_is_not_asked_for_each_event(
    state: AppState, receiver: Receiver, webhook: Webhook, enqueue: Enqueue, deliver: Deliver
) -> None:
    receiver.answers = [503, 503]
    for number in range(3):
        enqueue(f"test.{number}")
    deliver()
    with after(seconds=10):
        deliver()
        assert receiver.types == ["test.0", "test.1"]
    with after(minutes=10):
        deliver()
    assert sorted(receiver.types) == ["test.0", "test.0", "test.1", "test.1", "test.2"]


@pytest.mark.one_database
def test_a_receiver_that_rejects_one_event_gets_the_others(
    receiver: Receiver, webhook: Webhook, enqueue: Enqueue, deliver: Deliver
) -> None:
    receiver.answers = [400]
    enqueue("test.rejected")
    enqueue("test.accepted")
    deliver()
    assert receiver.types == ["test.rejected", "test.accepted"]


@pytest.mark.one_database
def test_another_worker_sends_the_event_of_a_worker_that_died(
    state: AppState, receiver: Receiver, webhook: Webhook, enqueue: Enqueue, deliver: Deliver
) -> None:
    enqueue("test.happened")
    delivery.claim(state, webhook.id, clock.now())
    deliver()
    assert receiver.received == []
    with after(minutes=2):
        deliver()
    assert receiver.types == ["test.happened"]


@pytest.mark.one_database
def test_a_clock_that_was_set_back_delays_no_event(
    state: AppState, receiver: Receiver, webhook: Webhook, enqueue: Enqueue, deliver: Deliver
) -> None:
    with after(days=300):
        enqueue("test.happened")
    deliver()
    assert receiver.types == ["test.happened"]
