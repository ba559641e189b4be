"""Messages that go through the next mail server."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.conftest import Enqueue, GetMessage
from tests.mail.transport.test_pool import EMAIL
from tests.outbox.conftest import TroubleOf, UseServers
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.mail import server_list, servers
from webapp.mail import service as mail_servers
from webapp.mail.models import MailServer
from webapp.outbox import service as outbox
from webapp.outbox.connection import Connections, ReusableConnection, saved_settings
from webapp.outbox.delivery import MIN_TIME_LEFT, deliver_due
from webapp.outbox.models import Attempt, AttemptResult, MessageState

Act = Callable[[], None]
Scripted = Callable[..., ScriptedServer]
Attempts = Callable[[], list[tuple[int | None, str]]]
SENT, QUEUED, FAILED = MessageState.SENT, MessageState.QUEUED, MessageState.FAILED
# What another server need not have, at each of its stages.
TROUBLES: dict[str, dict[str, Any]] = {
    "greeting": {"replies": {"GREETING": "554 5.7.1 No service for you"}},
    "hanging up": {"drop_at": "EHLO"},
    "sender": {"replies": {"MAIL": "553 5.7.1 Sender address rejected: not owned by user"}},
    "machine": {"replies": {"RCPT": "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen"}},
    "quota": {"replies": {"DATA": "452 4.5.3 Daily sending quota exceeded"}},
    "closing": {"replies": {"MAIL": "421 4.3.2 Service shutting down"}},
    "connection lost": {"drop_at": "RCPT"},
    "reply lost": {"drop_at": "END"},
}


@pytest.fixture
def attempts(database: Database) -> Attempts:
    """Read by which servers attempts were made, and how they ended."""

    def read_attempts() -> list[tuple[int | None, str]]:
        with database.read() as session:
            return [(one.mail_server_id, one.result) for one in session.scalars(select(Attempt).order_by(Attempt.id))]

    return read_attempts


@pytest.mark.parametrize("fault", TROUBLES)
@pytest.mark.one_database
def test_what_the_first_server_cannot_send_goes_by_the_second_at_once(
    fault: str,
    enqueue: Enqueue,
    deliver: Act,
    get_message: GetMessage,
    scripted: Scripted,
    use_servers: UseServers,
    trouble_of: TroubleOf,
) -> None:
    second = scripted()
    ids = use_servers(scripted(**TROUBLES[fault]), second)
    messages = [enqueue(), enqueue(), enqueue()]
    deliver()
    assert [get_message(one).state for one in messages] == [SENT, SENT, SENT]
    # The first one is asked once, and then left alone.
    assert [get_message(one).attempts for one in messages] == [2, 1, 1]
    assert len(second.messages) == 3
    assert (trouble_of(ids[0]) is None, trouble_of(ids[1])) == (False, None)


@pytest.mark.parametrize(
    ("reply", "ends_as"),
    [
        ("550 5.1.1 No such user", FAILED),
        ("451 4.7.1 Greylisted, try again later", QUEUED),
        ("552 5.3.4 Too big", FAILED),
    ],
)
@pytest.mark.one_database
def test_what_is_about_the_recipient_or_the_message_goes_by_no_other_server(
    reply: str,
    ends_as: MessageState,
    enqueue: Enqueue,
    deliver: Act,
    get_message: GetMessage,
    scripted: Scripted,
    use_servers: UseServers,
    trouble_of: TroubleOf,
) -> None:
    second = scripted()
    ids = use_servers(scripted({"RCPT": reply}), second)
    message_id = enqueue()
    deliver()
    assert (get_message(message_id).state, second.connections, trouble_of(ids[0])) == (ends_as, 0, None)


@pytest.mark.one_database
def test_a_reply_that_does_not_come_is_waited_for_while_others_go_by_the_next_server(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, scripted: Scripted, use_servers: UseServers
) -> None:
    second = scripted()
    use_servers(scripted(stall_at="END"), second, given=[{"timeout": 1}])
    held, other = enqueue(), enqueue()
    deliver()
    assert (get_message(held).state, get_message(other).state) == (QUEUED, SENT)
    assert get_message(held).next_attempt_at > clock.now() + timedelta(minutes=50)
    assert len(second.messages) == 1


@pytest.mark.one_database
def test_both_copies_have_the_same_link_and_message_id(
    enqueue_reset: Callable[[], int], deliver: Act, scripted: Scripted, use_servers: UseServers, attempts: Attempts
) -> None:
    first, second = scripted(drop_at="END"), scripted()
    ids = use_servers(first, second)
    enqueue_reset()
    deliver()
    assert attempts() == [(ids[0], AttemptResult.UNCERTAIN), (ids[1], AttemptResult.SENT)]
    copies = [first.messages[0].decode(), second.messages[0].decode()]
    for start in ("Message-ID: ", "https://mailroom.example/reset-password/"):
        lines = [[line for line in copy.splitlines() if line.startswith(start)] for copy in copies]
        assert lines[0] == lines[1] != []
    # Each server sends as the account that it knows.
    assert ["server0.example>" in copies[0], "server1.example>" in copies[1]] == [True, True]


@pytest.mark.one_database
def test_a_message_is_uncertain_once_two_servers_have_lost_the_reply_to_it(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, scripted: Scripted, use_servers: UseServers
) -> None:
    use_servers(scripted(drop_at="END"), scripted(drop_at="END"), scripted())
    message_id = enqueue()
    deliver()
    assert (get_message(message_id).state, get_message(message_id).attempts) == (MessageState.UNCERTAIN, 2)


def test_with_no_server_that_works_everything_waits_until_one_does(
    enqueue: Enqueue,
    deliver: Act,
    make_due: Act,
    get_message: GetMessage,
    scripted: Scripted,
    use_servers: UseServers,
    database: Database,
    attempts: Attempts,
) -> None:
    ids = use_servers(None, None)
    messages = [enqueue(), enqueue()]
    deliver()
    assert [get_message(one).waits_for_server for one in messages] == [True, True]
    deliver()
    assert attempts() == [(one, AttemptResult.FAILED) for one in ids]
    with database.transaction() as session:
        session.execute(update(MailServer).where(MailServer.id == ids[1]).values(port=scripted().port))
    make_due()
    deliver()
    assert [get_message(one).state for one in messages] == [SENT, SENT]


@pytest.mark.one_database
def test_deleting_a_server_that_fails_has_what_waits_sent_by_the_next_at_once(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, use_servers: UseServers, app: Flask, database: Database
) -> None:
    first_id, _second_id = use_servers(None, None)
    message_id = enqueue()
    deliver()
    with app.app_context(), database.transaction() as session:
        server_list.delete(session, first_id)
    assert get_message(message_id).next_attempt_at <= clock.now()


@pytest.mark.one_database
def test_an_idle_connection_is_closed_where_their_number_is_limited(
    state: AppState, scripted: Scripted, use_servers: UseServers
) -> None:
    first, second = scripted(), scripted()
    use_servers(first, second, given=[{"limit_connections": 1}])
    with state.database.read() as session:
        saved = saved_settings(session, state)
    limited, other = saved.servers.values()
    with Connections(state) as connections, ReusableConnection(connections) as connection:
        connection.open(limited)
        connection.send(EMAIL, clock.now() + timedelta(minutes=1))
        connection.open(other)
        assert "QUIT" in first.commands


def test_a_delivery_and_a_save_that_lock_several_servers_do_not_wait_for_each_other(
    enqueue: Enqueue, deliver: Act, app: Flask, database: Database, scripted: Scripted, use_servers: UseServers
) -> None:
    second = scripted()
    ids = use_servers(scripted(), second, given=[{"limit_per_day": 5}, {"limit_per_day": 1}])
    with app.app_context(), database.transaction() as session:
        mail_servers.use(session, ids[1], "ada@mailroom.example")
    enqueue()
    deliver()
    enqueue()
    with ThreadPoolExecutor(1) as pool, database.transaction() as session:
        servers.lock_one(session, ids[0])
        run = pool.submit(deliver_due, app)
        wait([run], timeout=0.5)
        servers.lock_all(session)
        session.commit()
        run.result()
    assert len(second.messages) == 1


@pytest.mark.one_database
def test_a_message_without_time_for_another_server_goes_by_none(
    enqueue: Enqueue, deliver: Act, scripted: Scripted, use_servers: UseServers
) -> None:
    first, second = scripted(stall_at="RCPT"), scripted()
    use_servers(first, second, given=[{"timeout": 4}])
    enqueue(expires_at=clock.now() + MIN_TIME_LEFT + timedelta(seconds=3.5))
    deliver()
    assert (first.commands.count("RCPT"), second.connections) == (1, 0)


def test_all_messages_arrive_when_the_first_server_dies_among_them(
    app: Flask, database: Database, scripted: Scripted, use_servers: UseServers
) -> None:
    first, second = scripted(), scripted()
    use_servers(first, second)
    addresses = {f"{number}@people.example" for number in range(2000)}
    with database.transaction() as session:
        for address in addresses:
            outbox.enqueue(session, "activated", address)
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(deliver_due, app) for _ in range(2)]
        while len(first.messages) < 700 and not all(run.done() for run in runs):
            time.sleep(0.01)
        first.close()
        for run in runs:
            run.result()
    copies = Counter(_recipient(one) for one in [*first.messages, *second.messages])
    assert (set(copies), len(first.messages) >= 700) == (addresses, True)
    # At most one of each connection that broke, as its reply was lost.
    assert copies.total() - len(copies) <= len(runs)


def _recipient(content: bytes) -> str:
    return next(line[4:].decode() for line in content.splitlines() if line.startswith(b"To: "))
