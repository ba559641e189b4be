"""Claims, waits and sweeps."""

from datetime import datetime, timedelta

import pytest

from tests.conftest import Enqueue, GetMessage
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox import claims
from webapp.outbox.models import Message, MessageState
from webapp.providers import Failure


def claim(database: Database, now: datetime | None = None) -> Message:
    with database.transaction() as session:
        message = claims.claim(session, now or clock.now())
    assert message is not None
    return message


def test_a_claimed_message_is_nobody_elses(enqueue: Enqueue, database: Database) -> None:
    enqueue()
    claim(database)
    with database.transaction() as session:
        assert claims.claim(session, clock.now()) is None


def test_what_is_due_for_longest_comes_first(enqueue: Enqueue, database: Database) -> None:
    first, second = enqueue(), enqueue()
    assert [claim(database).id, claim(database).id] == [first, second]


def test_a_claim_that_lapsed_cannot_record_a_failure(
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


def test_a_claim_that_lapsed_still_records_that_it_was_sent(
    enqueue: Enqueue, database: Database, get_message: GetMessage
) -> None:
    enqueue()
    slow = claim(database)
    with database.transaction() as session:
        claims.sweep(session, clock.now() + timedelta(minutes=1))
        claims.sent(session, slow, clock.now(), "Custom")
    assert get_message(slow.id).state == MessageState.SENT


def test_waits_grow_and_stay_within_the_time_that_is_left(
    enqueue: Enqueue, database: Database, get_message: GetMessage
) -> None:
    message_id = enqueue(expires_at=clock.now() + timedelta(hours=1))
    now, waits = clock.now(), []
    for _attempt in range(6):
        message = claim(database, now)
        with database.transaction() as session:
            claims.reschedule(session, message, now, Failure("data", reply="451 later"))
        waits.append((get_message(message_id).next_attempt_at - now).total_seconds())
        now = get_message(message_id).next_attempt_at
    assert waits[0] == pytest.approx(15, rel=0.21)
    assert waits[1] == pytest.approx(60, rel=0.21)
    assert max(waits) < 15 * 60 * 1.21
    assert now < clock.now() + timedelta(hours=1)


def test_the_sweep_ends_what_is_too_late(enqueue: Enqueue, database: Database, get_message: GetMessage) -> None:
    ids = [enqueue(expires_at=clock.now() + timedelta(hours=1)), enqueue()]
    for wait, states in (
        (2, [MessageState.EXPIRED, MessageState.QUEUED]),
        (73, [MessageState.EXPIRED, MessageState.EXPIRED]),
    ):
        with database.transaction() as session:
            claims.sweep(session, clock.now() + timedelta(hours=wait))
        assert [get_message(one).state for one in ids] == states
