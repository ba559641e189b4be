"""A receiver of events, and the actions of Mailroom that concern it."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.receiver import Receiver, running_receiver
from webapp.core.app_state import AppState
from webapp.webhooks import delivery, events, service
from webapp.webhooks.models import Webhook
from webapp.webhooks.registry import EventType


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A program that receives events."""
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def created(state: AppState, receiver: Receiver) -> service.Created:
    """A webhook that sends everything to the receiver, and its secret."""
    with state.database.transaction() as session:
        return service.create(session, state.sealer, name="Pager", url=receiver.url)


@pytest.fixture
def webhook(created: service.Created) -> Webhook:
    """The webhook."""
    return created.webhook


@pytest.fixture
def secret(created: service.Created) -> str:
    """Its signing secret."""
    return created.secret


@pytest.fixture
def enqueue(state: AppState) -> Callable[[str], None]:
    """Queue an event of this type."""

    def enqueue(event_type: str) -> None:
        with state.database.transaction() as session:
            events.enqueue(session, EventType(event_type, ""), "Something happened.")

    return enqueue


@pytest.fixture
def deliver(state: AppState) -> Callable[[], None]:
    """Deliver the events that are due, as the worker does."""
    return lambda: delivery.deliver_due(state)
