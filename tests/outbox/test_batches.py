"""Many messages claimed together: what becomes of those whose turn doesn't come."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select

from tests.conftest import Enqueue
from tests.support.inbox import Inbox
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox import claims, delivery
from webapp.outbox.models import Message

Act = Callable[[], None]
Scripted = Callable[..., ScriptedServer]
UseServer = Callable[..., None]


@pytest.fixture
def many(enqueue: Enqueue) -> list[int]:
    """The ids of 40 queued messages to different people."""
    return [enqueue(recipient=f"{number}@people.example") for number in range(40)]


def states(database: Database) -> Counter[tuple[str, int, bool]]:
    """Count the messages by their state, their number of attempts and whether they are claimed."""
    with database.read() as session:
        columns = Message.state, Message.attempts, Message.claimed_by.is_not(None)
        return Counter((state, number, claimed) for state, number, claimed in session.execute(select(*columns)))


def test_the_rest_of_a_batch_waits_untried_when_the_server_fails(
    many: list[int], deliver: Act, scripted: Scripted, use_server: UseServer, database: Database
) -> None:
    use_server(scripted({"MAIL": [*["250 Ok"] * 10, "421 4.3.2 Shutting down"], "EHLO": ["250 Ok", "421 Down"]}))
    deliver()
    assert states(database) == {("sent", 1, False): 10, ("queued", 1, False): 1, ("queued", 0, False): 29}
    with database.read() as session:
        waiting = select(func.count()).where(Message.state == "queued", Message.waits_for_server)
        assert session.scalar(waiting) == 30


def test_the_rest_of_a_batch_is_given_back_when_the_worker_stops(
    many: list[int], app: Flask, inbox: Inbox, database: Database
) -> None:
    delivery.deliver_due(app, stopping=lambda: len(inbox.messages) >= 6)
    assert states(database) == {("sent", 1, False): 6, ("queued", 0, False): 34}


def test_a_batch_that_takes_long_is_given_back(
    many: list[int], app: Flask, scripted: Scripted, use_server: UseServer, database: Database
) -> None:
    server = scripted()
    use_server(server)
    claimed: list[int] = []
    sent_when_slow: list[int] = []

    def stopping() -> bool:
        claimed.append(states(database)["sending", 1, True])
        if claimed[-1] > 1 and not sent_when_slow:
            sent_when_slow.append(len(server.messages))
            time.sleep(delivery.MAX_BATCH_SECONDS)
        return any(len(server.messages) > sent + 1 for sent in sent_when_slow)

    delivery.deliver_due(app, stopping=stopping)
    assert claimed[-1] == 1


@pytest.mark.parametrize("jump", [claims.LEASE, timedelta(hours=-1)])
def test_a_batch_is_given_back_when_its_leases_are_over_or_seem_to_be(
    many: list[int], app: Flask, inbox: Inbox, database: Database, jump: timedelta
) -> None:
    """As after the machine was suspended, or its clock was set."""
    calls = []
    with ExitStack() as stack:

        def stopping() -> bool:
            if len(inbox.messages) >= 10:
                calls.append(len(inbox.messages))
            if len(calls) == 1:
                stack.enter_context(time_machine.travel(clock.now() + jump))
            return len(calls) > 1

        delivery.deliver_due(app, stopping=stopping)
    assert calls == [10, 10]
    assert states(database) == {("sent", 1, False): 10, ("queued", 0, False): 30}
