"""Messages that the server may have accepted: the reply to them was lost."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.conftest import Enqueue, GetMessage
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox import claims, service
from webapp.outbox.models import MessageState

Act = Callable[[], None]
Scripted = Callable[..., ScriptedServer]
UseServer = Callable[..., None]
LOST_REPLIES = [{"drop_at": "END"}, {"stall_at": "END"}, {"replies": {"END": b"garbage\r\n"}}]


@pytest.mark.parametrize("fault", LOST_REPLIES)
def test_it_is_sent_once_more_much_later_and_is_then_uncertain(
    enqueue: Enqueue,
    deliver: Act,
    make_due: Act,
    get_message: GetMessage,
    scripted: Scripted,
    use_server: UseServer,
    fault: dict[str, str],
) -> None:
    server = scripted(**fault)
    use_server(server, timeout=1)
    message_id = enqueue()
    deliver()
    waiting = get_message(message_id)
    assert waiting.state == MessageState.QUEUED
    assert waiting.next_attempt_at > clock.now() + timedelta(minutes=50)
    for _again in range(3):
        make_due()
        deliver()
    assert (get_message(message_id).state, get_message(message_id).failure_stage) == (MessageState.UNCERTAIN, "data")
    assert len(server.messages) == 2


def test_its_second_copy_leaves_time_to_use_the_link(
    enqueue_reset: Callable[[], int], deliver: Act, get_message: GetMessage, scripted: Scripted, use_server: UseServer
) -> None:
    use_server(scripted(drop_at="END"))
    message_id = enqueue_reset()
    deliver()
    assert get_message(message_id).next_attempt_at < clock.now() + timedelta(minutes=31)


def test_it_is_sent_when_the_second_copy_is_accepted(
    enqueue: Enqueue, deliver: Act, make_due: Act, get_message: GetMessage, scripted: Scripted, use_server: UseServer
) -> None:
    use_server(scripted(drop_at="END"))
    message_id = enqueue()
    deliver()
    use_server(scripted())
    make_due()
    deliver()
    assert get_message(message_id).state == MessageState.SENT


@pytest.mark.parametrize("ends", ["late", "refused"])
def test_it_is_uncertain_although_the_second_copy_could_not_be_sent(
    enqueue: Enqueue,
    deliver: Act,
    make_due: Act,
    get_message: GetMessage,
    scripted: Scripted,
    use_server: UseServer,
    database: Database,
    ends: str,
) -> None:
    use_server(scripted(drop_at="END"))
    message_id = enqueue()
    deliver()
    if ends == "late":
        with database.transaction() as session:
            claims.expire(session, clock.now() + timedelta(days=4))
    else:
        use_server(scripted({"END": "554 5.7.1 Duplicate message"}))
        make_due()
        deliver()
    assert get_message(message_id).state == MessageState.UNCERTAIN


def test_new_settings_do_not_bring_its_second_copy_forward(
    enqueue: Enqueue,
    deliver: Act,
    get_message: GetMessage,
    scripted: Scripted,
    use_server: UseServer,
    database: Database,
) -> None:
    use_server(scripted(drop_at="END"))
    message_id = enqueue()
    deliver()
    with database.transaction() as session:
        service.retry_waiting(session)
    assert get_message(message_id).next_attempt_at > clock.now() + timedelta(minutes=50)


def test_few_copies_are_made_while_the_server_loses_every_reply(
    enqueue: Enqueue, deliver: Act, scripted: Scripted, use_server: UseServer
) -> None:
    server = scripted(drop_at="END")
    use_server(server)
    for number in range(6):
        enqueue(recipient=f"{number}@people.example")
    for _run in range(3):
        deliver()
    assert len(server.messages) == 2
