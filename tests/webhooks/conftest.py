"""A receiver of events, and the actions of Mailroom that concern it."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.receiver import Receiver, running_receiver
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.webhooks import delivery, service


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A program that receives events."""
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def secret(state: AppState, receiver: Receiver) -> str:
    """The signing secret that was created when an administrator saved the receiver's URL."""
    with state.database.transaction() as session:
        created = service.save(session, state.sealer, receiver.url)
    assert created is not None
    return created


@pytest.fixture
def enqueue(state: AppState) -> Callable[[str], None]:
    """Queue an event of this type."""

    def enqueue(event_type: str) -> None:
        with state.database.transaction() as session:
            service.enqueue(session, event_type, "Something happened.")

    return enqueue


@pytest.fixture
def deliver(state: AppState) -> Callable[[], None]:
    """Deliver the events that are due, as the worker does."""

    def deliver() -> None:
        now = clock.now()
        while delivery.deliver_next(state, now):
            pass

    return deliver
