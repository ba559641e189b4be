"""A receiver that the application tells."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.receiver import Receiver, running_receiver
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.webhooks import delivery, service


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A program that wants to be told."""
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def secret(parts: AppState, receiver: Receiver) -> str:
    """The signing secret, made when an administrator saved the receiver's address."""
    with parts.database.transaction() as session:
        made = service.save(session, parts.sealer, receiver.url)
    assert made is not None
    return made


@pytest.fixture
def owe(parts: AppState) -> Callable[[str], None]:
    """Owe the receiver an event of this type."""

    def owe(kind: str) -> None:
        with parts.database.transaction() as session:
            service.enqueue(session, kind, "Something happened.")

    return owe


@pytest.fixture
def deliver(parts: AppState) -> Callable[[], None]:
    """The worker, going once through the events that are due."""

    def deliver() -> None:
        now = clock.now()
        while delivery.deliver(parts, now):
            pass

    return deliver
