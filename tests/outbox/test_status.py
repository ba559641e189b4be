"""Whether email is being delivered."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import update

from tests.conftest import Enqueue, GetMessage
from tests.support.certificates import Authority
from tests.support.inbox import Inbox, running_inbox
from tests.support.scripted import ScriptedServer
from webapp.core import clock, workers
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.mail.models import MailServer
from webapp.outbox import service as outbox
from webapp.outbox.models import Message, MessageState
from webapp.outbox.status import DeliveryStatus, Flow, delivery_status

Act = Callable[[], None]
Scripted = Callable[..., ScriptedServer]
UseServer = Callable[..., None]


@pytest.fixture
def worker(database: Database) -> Act:
    """Have a worker say that it runs."""

    def beat() -> None:
        with database.transaction() as session:
            workers.beat(session, "worker", clock.now())

    return beat


def status(database: Database) -> DeliveryStatus:
    with database.read() as session:
        return delivery_status(session, clock.now())


def test_a_new_installation_has_no_server_and_nothing_waiting(database: Database) -> None:
    found = status(database)
    assert (found.has_server, found.waiting, found.last_sent, found.stopped_since) == (False, 0, None, None)


def test_a_server_saved_after_the_last_email_is_not_yet_used(
    enqueue: Enqueue, deliver: Act, inbox: Inbox, database: Database
) -> None:
    assert status(database).not_yet_used
    message_id = enqueue()
    deliver()
    sent = status(database)
    assert (sent.not_yet_used, sent.last_sent and sent.last_sent.id) == (False, message_id)
    with database.transaction() as session:
        session.execute(update(MailServer).values(name="Relay", updated_at=clock.now() + timedelta(seconds=1)))
    renamed = status(database)
    assert renamed.not_yet_used
    assert renamed.last_sent is not None
    assert renamed.last_sent.server == "Relay"


def test_delivery_stopped_when_a_message_first_failed_not_when_it_was_queued(
    enqueue: Enqueue, get_message: GetMessage, inbox: Inbox, deliver: Act, database: Database
) -> None:
    sent, waiting = enqueue(), enqueue(not_before=clock.now() + timedelta(hours=1))
    deliver()
    inbox.password = "another one"
    with database.transaction() as session:
        session.get_one(Message, waiting).next_attempt_at = clock.now()
    deliver()
    stopped = status(database)
    assert stopped.waiting == 1
    finished_at = get_message(sent).finished_at
    assert finished_at is not None
    assert stopped.stopped_since is not None
    assert stopped.stopped_since > finished_at


def test_delivery_stopped_when_the_present_trouble_began_not_when_an_older_one_did(
    enqueue: Enqueue, deliver: Act, database: Database, state: AppState, authority: Authority
) -> None:
    present = clock.now()
    with time_machine.travel(present - timedelta(days=1)):
        enqueue()
        # There is no mail server.
        deliver()
    with running_inbox(authority) as inbox:
        with time_machine.travel(present, tick=False):
            inbox.save_to(state)
            inbox.password = "another one"
            with database.transaction() as session:
                outbox.retry_waiting(session)
            deliver()
        with time_machine.travel(present + timedelta(hours=1)):
            deliver()
            assert status(database).stopped_since == present
    # The same outage, with another cause.
    with time_machine.travel(present + timedelta(hours=2)):
        deliver()
    assert status(database).stopped_since == present


def test_one_message_that_makes_the_server_hang_up_does_not_show_that_others_would_not_go_out(
    enqueue: Enqueue, deliver: Act, database: Database, scripted: Scripted, use_server: UseServer
) -> None:
    use_server(scripted(drop_at="END"))
    enqueue()
    deliver()
    found = status(database)
    assert (found.flow, found.has_suspect, found.stopped_since) == (Flow.UNCONFIRMED, True, None)
    enqueue(recipient="bob@people.example")
    deliver()
    assert (status(database).flow, status(database).in_trouble) == (Flow.STOPPED, True)


def test_mail_stands_still_while_the_server_is_tried_again(
    enqueue: Enqueue, deliver: Act, database: Database, inbox: Inbox
) -> None:
    inbox.password = "another one"
    message_id = enqueue()
    deliver()
    with database.transaction() as session:
        session.get_one(Message, message_id).state = MessageState.SENDING
    assert status(database).flow is Flow.STOPPED


def test_mail_stands_still_when_nothing_due_was_sent_for_five_minutes(
    enqueue: Enqueue, deliver: Act, database: Database, inbox: Inbox, worker: Act
) -> None:
    enqueue()
    deliver()
    worker()
    enqueue(not_before=clock.now() + timedelta(hours=1))
    with time_machine.travel(clock.now() + timedelta(minutes=64)):
        worker()
        assert status(database).flow is Flow.FLOWING
    with time_machine.travel(clock.now() + timedelta(minutes=66)):
        worker()
        found = status(database)
    assert (found.flow, found.in_trouble) == (Flow.STOPPED, False)


def test_a_worker_is_missed_when_it_is_silent_and_where_none_ever_ran_when_messages_are_late(
    enqueue: Enqueue, deliver: Act, database: Database, inbox: Inbox, worker: Act
) -> None:
    enqueue()
    assert status(database).flow is Flow.UNCONFIRMED
    with time_machine.travel(clock.now() + timedelta(minutes=6)):
        assert status(database).flow is Flow.NO_WORKER
        deliver()
        worker()
        assert status(database).flow is Flow.FLOWING
    with time_machine.travel(clock.now() + timedelta(minutes=7)):
        assert status(database).flow is Flow.NO_WORKER


def test_what_waits_for_a_limit_of_the_server_does_not_stand_still(
    enqueue: Enqueue, deliver: Act, database: Database, inbox: Inbox, worker: Act
) -> None:
    enqueue()
    deliver()
    enqueue()
    with database.transaction() as session:
        session.execute(update(MailServer).values(limit_per_day=1))
    with time_machine.travel(clock.now() + timedelta(minutes=6)):
        worker()
        found = status(database)
    assert (found.flow, found.stopped_since) == (Flow.LIMITED, None)
    assert found.limit
    assert found.limit.until > clock.now() + timedelta(hours=23)
