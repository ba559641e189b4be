"""Claims, waits and sweeps."""

from datetime import datetime, timedelta

import pytest

from tests.conftest import Enqueue, GetMessage
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox import claims
from webapp.outbox.models import Message, MessageState
from webapp.providers import Failure

GREYLISTED = Failure("data", reply="451 4.7.1 Greylisted")


def claim(database: Database, now: datetime | None = None) -> Message:
    with database.transaction() as session:
        message = claims.claim(session, now or clock.now())
    assert message is not None
    return message


def test_a_claimed_message_is_not_claimed_again(enqueue: Enqueue, database: Database) -> None:
    enqueue()
    claim(database)
    with database.transaction() as session:
        assert claims.claim(session, clock.now()) is None


def test_the_message_that_has_been_due_for_longest_comes_first(enqueue: Enqueue, database: Database) -> None:
    first, second = enqueue(), enqueue()
    assert [claim(database).id, claim(database).id] == [first, second]


def test_a_worker_whose_lease_expired_cannot_record_a_failure(
    enqueue: Enqueue, database: Database, get_message: GetMessage
) -> None:
    enqueue()
    slow = claim(database)
    with database.transaction() as session:
        claims.sweep(session, clock.now() + timedelta(minutes=1))
    claim(database)
    with database.transaction() as session:
        claims.finish(session, slow, clock.now(), MessageState.FAILED, Failure("rcpt", reply="550"))
    assert get_message(slow.id).state == MessageState.SENDING


def test_a_worker_whose_lease_expired_can_record_that_it_sent_the_message(
    enqueue: Enqueue, database: Database, get_message: GetMessage
) -> None:
    enqueue()
    slow = claim(database)
    with database.transaction() as session:
        claims.sweep(session, clock.now() + timedelta(minutes=1))
        claims.mark_sent(session, slow, clock.now(), "custom")
    assert get_message(slow.id).state == MessageState.SENT


def test_waits_grow_and_end_before_the_deadline(enqueue: Enqueue, database: Database, get_message: GetMessage) -> None:
    message_id = enqueue(expires_at=clock.now() + timedelta(hours=1))
    now, waits = clock.now(), []
    for _attempt in range(6):
        message = claim(database, now)
        with database.transaction() as session:
            claims.reschedule(session, message, now, GREYLISTED)
        waits.append((get_message(message_id).next_attempt_at - now).total_seconds())
        now = get_message(message_id).next_attempt_at
    assert waits[0] == pytest.approx(15, rel=0.21)
    assert waits[1] == pytest.approx(60, rel=0.21)
    assert max(waits) < 15 * 60 * 1.21
    assert now < clock.now() + timedelta(hours=1)


@pytest.mark.parametrize(
    ("hours", "states"),
    [
        (2, [MessageState.EXPIRED, MessageState.QUEUED]),
        (73, [MessageState.EXPIRED, MessageState.EXPIRED]),
    ],
)
def test_a_sweep_expires_messages_after_their_deadline(
    enqueue: Enqueue, database: Database, get_message: GetMessage, hours: int, states: list[MessageState]
) -> None:
    ids = [enqueue(expires_at=clock.now() + timedelta(hours=1)), enqueue()]
    with database.transaction() as session:
        claims.sweep(session, clock.now() + timedelta(hours=hours))
    assert [get_message(one).state for one in ids] == states


def test_a_clock_that_was_set_back_delays_no_message(
    enqueue: Enqueue, database: Database, get_message: GetMessage
) -> None:
    message_id = enqueue(not_before=clock.now() + timedelta(days=300))
    with database.transaction() as session:
        claims.sweep(session, clock.now())
    assert get_message(message_id).next_attempt_at <= clock.now()
