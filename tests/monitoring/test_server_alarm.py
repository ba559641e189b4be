"""What administrators and webhooks get while one mail server fails and another one sends."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.support.browser import Browser
from tests.support.command import run_mailroom
from tests.support.receiver import Receiver, running_receiver
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.mail.models import MailServer
from webapp.monitoring.metrics import render
from webapp.monitoring.state import full_state
from webapp.outbox import circuit_breaker
from webapp.outbox.kinds import PreparedMessage
from webapp.outbox.models import Message
from webapp.outbox.preparation import prepare
from webapp.providers import Failure
from webapp.webhooks import delivery, service

REFUSED = Failure("connect", "connection_refused", {"error": "Connection refused"})
FailTwice = Callable[[int], None]


@pytest.fixture
def receiver(state: AppState) -> Iterator[Receiver]:
    """A program that receives events about servers."""
    with running_receiver() as receiver:
        with state.database.transaction() as session:
            events = ["mail_server.in_trouble", "mail_server.well"]
            service.create(session, state.sealer, name="Pager", url=receiver.url, events=events)
        yield receiver


@pytest.fixture
def servers(database: Database) -> list[int]:
    """Two servers, Main and Spare, and two for the shop; the ids."""
    for_shop = {"for_domains": ["shop.example"]}
    rows = [_server(0, "Main"), _server(1, "Spare"), _server(2, "Shop", **for_shop), _server(3, "Till", **for_shop)]
    with database.transaction() as session:
        session.add_all(rows)
    return [row.id for row in rows]


@pytest.fixture
def fail_twice(state: AppState) -> FailTwice:
    """Have a server fail twice in a row, and deliver events."""

    def fail_twice(server_id: int) -> None:
        for _ in range(2):
            with state.database.transaction() as session:
                circuit_breaker.try_now(session, clock.now())
                circuit_breaker.failed(session, server_id, REFUSED, clock.now())
        delivery.deliver_due(state)

    return fail_twice


def _server(position: int, name: str, **more: Any) -> MailServer:
    usual = {
        "provider": "custom",
        "mail_from": "m@mailroom.example",
        "host": "127.0.0.1",
        "port": 9,
        "security": "none",
    }
    return MailServer(position=position, name=name, updated_at=clock.now(), **usual, **more)


def _emails(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [(one.kind, one.recipient) for one in session.scalars(select(Message).order_by(Message.id))]


def test_the_second_failure_in_a_row_and_the_end_are_announced_once(
    administrator: Browser,
    servers: list[int],
    fail_twice: FailTwice,
    receiver: Receiver,
    state: AppState,
) -> None:
    fail_twice(servers[0])
    fail_twice(servers[0])
    event = receiver.received[0].event["data"]
    assert event["text"] == "The mail server Main is failing. Its email goes through Spare."
    assert (event["mail_server"]["name"], event["sent_by"], event["cause"]["stage"]) == ("Main", "Spare", "connect")
    with state.database.transaction() as session:
        circuit_breaker.well(session, servers[0], clock.now())
    delivery.deliver_due(state)
    assert receiver.types == ["mail_server.in_trouble", "mail_server.well"]
    kinds = ("mail_server_in_trouble", "mail_server_well")
    assert _emails(state.database) == [(kind, "ada@mailroom.example") for kind in kinds]


@pytest.mark.one_database
def test_the_email_says_what_the_failure_means(
    administrator: Browser, servers: list[int], fail_twice: FailTwice, app: Flask, database: Database
) -> None:
    fail_twice(servers[0])
    with database.read() as session:
        messages = list(session.scalars(select(Message)))
    with app.app_context():
        (email,) = prepare(database, messages).values()
    assert isinstance(email, PreparedMessage)
    assert email.data["cause"] == "Connection refused: nothing is listening on this port."


@pytest.mark.one_database
def test_one_failure_is_not_announced_although_several_connections_had_it(
    administrator: Browser, servers: list[int], receiver: Receiver, state: AppState
) -> None:
    for _connection in range(3):
        with state.database.transaction() as session:
            circuit_breaker.failed(session, servers[0], REFUSED, clock.now())
    assert "Its email goes through" not in administrator.get("/").text
    with state.database.transaction() as session:
        circuit_breaker.well(session, servers[0], clock.now())
    delivery.deliver_due(state)
    assert (receiver.types, _emails(state.database)) == ([], [])


@pytest.mark.one_database
def test_where_no_server_is_well_the_alarm_alone_says_so(
    administrator: Browser, servers: list[int], fail_twice: FailTwice, receiver: Receiver, database: Database
) -> None:
    fail_twice(servers[0])
    fail_twice(servers[1])
    assert receiver.types == ["mail_server.in_trouble"]
    assert "Its email goes through" not in administrator.get("/").text
    with database.transaction() as session:
        circuit_breaker.well(session, servers[0], clock.now())
    fail_twice(servers[1])
    # While nothing else sent, its trouble was not announced.
    assert receiver.types[1:] == ["mail_server.well", "mail_server.in_trouble"]


@pytest.mark.parametrize(
    ("failing", "says"),
    [
        (0, "Its email goes through Spare."),
        (1, "A fallback doesn't work. Spare has been failing since"),
        # Not all email does: Till is for the same senders.
        (2, "Its email goes through Till."),
    ],
)
@pytest.mark.one_database
def test_each_administrators_page_says_which_server_fails(
    failing: int, says: str, administrator: Browser, member: Browser, servers: list[int], fail_twice: FailTwice
) -> None:
    fail_twice(servers[failing])
    assert says in " ".join(re.sub("<[^>]*>", "", unescape(administrator.get("/audit").text)).split())
    assert "has been failing" not in member.get("/").text


@pytest.mark.one_database
def test_monitoring_programs_see_each_server_and_what_is_wrong_with_it(
    servers: list[int], fail_twice: FailTwice, app: Flask, database: Database
) -> None:
    fail_twice(servers[0])
    with database.read() as session:
        found = full_state(session, clock.now())["servers"]
        metrics = render(session, clock.now()).decode()
    assert [(one["name"], one["duty"]) for one in found] == [
        ("Main", "replaced"), ("Spare", "sends"), ("Shop", "dedicated"), ("Till", "dedicated"),
    ]  # fmt: skip
    assert found[0]["cause"] == {"stage": "connect", "code": "connection_refused", "text": "Connection refused"}
    assert 'mail_server_in_trouble{server="Main"} 1.0' in metrics
    printed = run_mailroom(["status"], app=app).stdout
    assert "Main (another one sends in its place), failing since" in printed
