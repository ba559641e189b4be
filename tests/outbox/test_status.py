"""Whether email is being delivered."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import update

from tests.conftest import Enqueue, GetMessage
from tests.support.inbox import Inbox
from webapp.core import clock
from webapp.core.database import Database
from webapp.mail.models import MailServer
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


def test_delivery_stopped_when_the_last_email_was_sent_not_when_waiting_ones_were_queued(
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
    assert stopped.stopped_since == get_message(sent).finished_at
