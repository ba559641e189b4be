"""The alarm when email stands still, and when it flows again."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select
from structlog.testing import capture_logs

from tests.conftest import Enqueue
from tests.support.inbox import PASSWORD, Inbox
from tests.support.receiver import Receiver, running_receiver
from tests.support.users import add_user
from webapp.accounts.models import Role
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail import servers
from webapp.mail.signals import mail_server_works
from webapp.monitoring import alarm
from webapp.outbox import service as outbox
from webapp.outbox.models import Message
from webapp.webhooks import delivery, service

Act = Callable[[], None]


@pytest.fixture
def receiver(state: AppState) -> Iterator[Receiver]:
    """A program that receives events, that a webhook sends outages to."""
    with running_receiver() as receiver:
        with state.database.transaction() as session:
            events = ["mail_server.stopped", "mail_server.recovered"]
            service.create(session, state.sealer, name="Pager", url=receiver.url, events=events)
        yield receiver


@pytest.fixture
def watch(state: AppState) -> Act:
    """Watch, and deliver events, as the worker does."""

    def watch() -> None:
        alarm.watch(clock.now())
        delivery.deliver_due(state)

    return watch


@pytest.fixture
def broken(enqueue: Enqueue, inbox: Inbox, deliver: Act) -> None:
    """The mail server refuses to let Mailroom in, and three emails wait."""
    inbox.password = "changed"
    for _one in range(3):
        enqueue()
    deliver()


@pytest.fixture
def fix(inbox: Inbox, state: AppState, deliver: Act) -> Act:
    """Have the mail server let Mailroom in again, and deliver what waits."""

    def fix() -> None:
        inbox.password = PASSWORD
        with state.database.transaction() as session:
            outbox.retry_waiting(session)
        deliver()

    return fix


def events(receiver: Receiver) -> list[dict[str, Any]]:
    return [request.event for request in receiver.received]


def recovery_emails(state: AppState) -> list[str]:
    with state.database.read() as session:
        return list(session.scalars(select(Message.recipient).where(Message.kind == "mail_recovered")))


def test_the_webhook_is_told_once_that_mail_stands_still_and_why(broken: None, receiver: Receiver, watch: Act) -> None:
    for _again in range(3):
        watch()
    (event,) = events(receiver)
    assert event["type"] == "mail_server.stopped"
    assert event["data"]["waiting"] == 3
    assert event["data"]["cause"]["stage"] == "auth"
    assert "535" in event["data"]["cause"]["reason"]
    assert event["data"]["mail_server"]["host"] == "localhost"


def test_the_webhook_and_administrators_are_told_once_that_mail_flows_again(
    fix: Act, broken: None, receiver: Receiver, watch: Act, state: AppState
) -> None:
    add_user(state.database, "ada@mailroom.example", Role.ADMINISTRATOR)
    add_user(state.database, "max@mailroom.example")
    watch()
    fix()
    watch()
    watch()
    stopped, recovered = events(receiver)
    assert (recovered["type"], recovered["data"]["since"]) == ("mail_server.recovered", stopped["data"]["since"])
    assert recovered["data"]["cause"] == stopped["data"]["cause"]
    assert recovery_emails(state) == ["ada@mailroom.example"]


def test_the_email_says_from_when_to_when_and_why(
    fix: Act, broken: None, watch: Act, state: AppState, inbox: Inbox, deliver: Act
) -> None:
    add_user(state.database, "ada@mailroom.example", Role.ADMINISTRATOR)
    watch()
    fix()
    watch()
    deliver()
    text = inbox.last.text
    assert "no email went out" in text
    assert "535" in text


def test_an_outage_is_not_over_because_nothing_waits_any_more(
    broken: None, receiver: Receiver, watch: Act, state: AppState
) -> None:
    watch()
    with time_machine.travel(clock.now() + timedelta(days=4)):
        watch()
        with state.database.transaction() as session:
            session.query(Message).delete()
        watch()
    assert receiver.types == ["mail_server.stopped"]


def test_a_test_email_that_went_out_ends_an_outage(
    broken: None, receiver: Receiver, watch: Act, state: AppState
) -> None:
    watch()
    with state.database.transaction() as session:
        mail_server_works.send(session=session, server=servers.primary(session))
    watch()
    assert receiver.types == ["mail_server.stopped", "mail_server.recovered"]


def test_two_workers_announce_an_outage_once(broken: None, receiver: Receiver, watch: Act, app: Flask) -> None:
    def look(_number: int) -> None:
        with app.app_context():
            alarm.watch(clock.now())

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(look, range(8)))
    watch()
    assert receiver.types == ["mail_server.stopped"]


def test_the_log_has_one_line_with_the_cause_each(fix: Act, broken: None, watch: Act) -> None:
    with capture_logs() as lines:
        watch()
        watch()
        fix()
        watch()
    stopped, again = (line for line in lines if line["event"] in ("mail stopped", "mail flows again"))
    assert (stopped["stage"], stopped["waiting"], stopped["log_level"]) == ("auth", 3, "error")
    assert (again["stage"], again["since"]) == (stopped["stage"], stopped["since"])


def test_one_message_that_fails_alone_raises_no_alarm(
    enqueue: Enqueue, deliver: Act, receiver: Receiver, watch: Act, scripted: Any, use_server: Any
) -> None:
    use_server(scripted(drop_at="END"))
    enqueue()
    deliver()
    watch()
    assert receiver.types == []


def test_a_worker_that_starts_after_a_pause_raises_no_alarm(
    receiver: Receiver, watch: Act, enqueue: Enqueue, inbox: Inbox
) -> None:
    enqueue()
    with time_machine.travel(clock.now() + timedelta(minutes=6)):
        watch()
    assert receiver.types == []
