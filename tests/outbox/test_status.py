"""Whether email is being delivered."""

from collections.abc import Callable
from datetime import timedelta

import time_machine
from sqlalchemy import update

from tests.conftest import Enqueue, GetMessage
from tests.support.certificates import Authority
from tests.support.inbox import Inbox, running_inbox
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.mail.models import MailServer
from webapp.outbox import service as outbox
from webapp.outbox.models import Message
from webapp.outbox.status import DeliveryStatus, delivery_status

Act = Callable[[], None]


def status(database: Database) -> DeliveryStatus:
    with database.read() as session:
        return delivery_status(session)


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
        session.execute(update(MailServer).values(updated_at=clock.now() + timedelta(seconds=1)))
    assert status(database).not_yet_used


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
