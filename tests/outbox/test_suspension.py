"""One message that the server can't take, and a server that can take none."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.conftest import Enqueue, GetMessage
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox import service
from webapp.outbox.models import Message, MessageState
from webapp.outbox.status import Flow, delivery_status

Act = Callable[[], None]
Scripted = Callable[..., ScriptedServer]
UseServer = Callable[..., None]
BOB = "bob@people.example"
SENT, QUEUED = MessageState.SENT, MessageState.QUEUED


@pytest.fixture
def make_one_due(database: Database) -> Callable[[int], None]:
    """Make one message due, as if its wait were over."""

    def make_one_due(message_id: int) -> None:
        with database.transaction() as session:
            session.execute(update(Message).where(Message.id == message_id).values(next_attempt_at=clock.now()))

    return make_one_due


def test_a_new_message_is_tried_at_once_while_a_suspect_waits(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, scripted: Scripted, use_server: UseServer
) -> None:
    use_server(scripted(drop_at="DATA", only_for=BOB))
    bad = enqueue(recipient=BOB)
    deliver()
    assert get_message(bad).waits_for_server
    new = enqueue()
    deliver()
    assert (get_message(new).state, get_message(bad).waits_for_server) == (SENT, False)


def test_a_suspect_that_fails_again_holds_back_nobody_and_is_not_called_the_servers_trouble(
    enqueue: Enqueue,
    deliver: Act,
    get_message: GetMessage,
    scripted: Scripted,
    use_server: UseServer,
    make_one_due: Callable[[int], None],
) -> None:
    use_server(scripted(drop_at="DATA", only_for=BOB))
    bad, _good = enqueue(recipient=BOB), enqueue()
    deliver()
    make_one_due(bad)
    deliver()
    assert (get_message(bad).attempts, get_message(bad).waits_for_server) == (2, False)


def test_several_messages_to_one_person_are_one_suspicion(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, scripted: Scripted, use_server: UseServer
) -> None:
    use_server(scripted(drop_at="DATA", only_for=BOB))
    ids = [enqueue(recipient=BOB), enqueue(recipient=BOB), enqueue()]
    deliver()
    assert [get_message(one).state for one in ids] == [QUEUED, QUEUED, SENT]


def test_two_people_whose_messages_fail_do_not_delay_others_if_any_gets_through_in_between(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, scripted: Scripted, use_server: UseServer
) -> None:
    use_server(scripted(drop_at="DATA", only_for="bad"))
    names = ("eve", "bad1", "eve", "bad2", "eve")
    ids = [enqueue(recipient=f"{name}@people.example") for name in names]
    deliver()
    assert [get_message(one).state for one in ids] == [SENT, QUEUED, SENT, QUEUED, SENT]


def test_a_server_that_fails_two_people_is_asked_no_more_until_the_wait_is_over(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, scripted: Scripted, use_server: UseServer
) -> None:
    use_server(scripted(drop_at="DATA"))
    ids = [enqueue(recipient=f"{number}@people.example") for number in range(4)]
    deliver()
    deliver()
    found = [get_message(one) for one in ids]
    assert [one.attempts for one in found] == [1, 1, 0, 0]
    assert all(one.waits_for_server and one.failure_stage == "data" for one in found)
    # Those that may be the cause come after the others.
    assert max(one.next_attempt_at for one in found[2:]) < min(one.next_attempt_at for one in found[:2])


def test_one_message_is_tried_at_a_time_while_the_server_fails_everybody(
    enqueue: Enqueue,
    deliver: Act,
    database: Database,
    scripted: Scripted,
    use_server: UseServer,
    get_message: GetMessage,
    make_one_due: Callable[[int], None],
) -> None:
    use_server(scripted(drop_at="DATA"))
    ids = [enqueue(recipient=f"{number}@people.example") for number in range(4)]
    deliver()
    make_one_due(ids[2])
    deliver()
    found = [get_message(one) for one in ids]
    assert [one.attempts for one in found] == [1, 1, 1, 0]
    # The third failure makes the wait grow for all.
    assert all(one.next_attempt_at > clock.now() + timedelta(minutes=3) for one in found)


def test_after_trouble_of_the_server_only_suspects_keep_waits_of_their_own(
    enqueue: Enqueue, deliver: Act, get_message: GetMessage, scripted: Scripted, use_server: UseServer
) -> None:
    ids = [enqueue(recipient=f"{number}@people.example") for number in range(4)]
    use_server(scripted(drop_at="DATA"))
    deliver()
    use_server(scripted(drop_at="DATA", only_for="0@"))
    new = enqueue()
    deliver()
    assert [get_message(one).state for one in (new, *ids[2:])] == [SENT, SENT, SENT]
    assert not any(get_message(one).waits_for_server for one in ids)


def test_new_settings_clear_a_suspect(
    enqueue: Enqueue,
    deliver: Act,
    get_message: GetMessage,
    scripted: Scripted,
    use_server: UseServer,
    database: Database,
) -> None:
    use_server(scripted(drop_at="DATA"))
    message_id = enqueue()
    deliver()
    with database.transaction() as session:
        service.retry_waiting(session)
    assert not get_message(message_id).suspect


@pytest.mark.parametrize(
    "reply",
    [
        {"MAIL": "550 5.7.1 Sender address rejected: not owned by user"},
        {"RCPT": "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"},
    ],
)
@pytest.mark.one_database
def test_messages_wait_while_the_server_refuses_the_sender_or_this_machine(
    enqueue: Enqueue,
    deliver: Act,
    get_message: GetMessage,
    scripted: Scripted,
    use_server: UseServer,
    reply: dict[str, str],
) -> None:
    ids = [enqueue(recipient=f"{number}@people.example") for number in range(3)]
    use_server(scripted(reply))
    deliver()
    assert {(get_message(one).state, get_message(one).waits_for_server) for one in ids} == {(QUEUED, True)}
    assert sum(get_message(one).attempts for one in ids) == 2


@pytest.mark.one_database
def test_one_message_shows_that_nothing_goes_out_where_the_server_wants_a_sign_in(
    enqueue: Enqueue, deliver: Act, database: Database, scripted: Scripted, use_server: UseServer
) -> None:
    enqueue()
    use_server(scripted({"MAIL": "530 5.7.0 Authentication required"}))
    deliver()
    with database.read() as session:
        assert delivery_status(session, clock.now()).flow is Flow.STOPPED
