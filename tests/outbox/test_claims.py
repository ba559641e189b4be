"""Claims, their leases, waits and sweeps."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from tests.conftest import Enqueue, GetMessage
from tests.support.query_plans import query_plans
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox import attempts, claims, suspension
from webapp.outbox.attempts import SentMarks, Started
from webapp.outbox.claims import Claimed
from webapp.outbox.models import Message, MessageState
from webapp.providers import Failure

GREYLISTED = Failure("data", reply="451 4.7.1 Greylisted")
RUN = "worker/1"


def claim(database: Database, size: int = 1, run: str = RUN, now: datetime | None = None) -> list[Claimed]:
    with database.transaction() as session:
        return claims.claim(session, now or clock.now(), size, run)


def ids(claimed: list[Claimed]) -> list[int]:
    return [message.id for message in claimed]


def sent(message: Claimed) -> attempts.Sent:
    started = Started(message.id, message.attempts, 1, "custom", "mail.example", clock.now())
    return attempts.Sent(
        started, 0.1, "250 Ok", "<1@mailroom.example>", message.kind, message.created_at, message.due_at
    )


def expire_leases(database: Database) -> None:
    with database.transaction() as session:
        claims.sweep(session, clock.now() + timedelta(minutes=1))


def test_a_claimed_message_is_not_claimed_again(enqueue: Enqueue, database: Database) -> None:
    enqueue()
    claim(database)
    assert claim(database) == []


def test_the_message_that_has_been_due_for_longest_comes_first(enqueue: Enqueue, database: Database) -> None:
    first, second, third = enqueue(), enqueue(), enqueue()
    assert [ids(claim(database)), ids(claim(database, 5))] == [[first], [second, third]]


def test_bulk_messages_come_last(enqueue: Enqueue, database: Database) -> None:
    bulk, more_bulk, one = enqueue(), enqueue(), enqueue()
    with database.transaction() as session:
        session.execute(update(Message).where(Message.id != one).values(bulk=True))
    assert [ids(claim(database, 2)), ids(claim(database, 2))] == [[one, bulk], [more_bulk]]


def test_what_was_not_tried_is_queued_again_without_an_attempt(
    enqueue: Enqueue, database: Database, get_message: GetMessage
) -> None:
    tried, untried, others = enqueue(), enqueue(), enqueue()
    claim(database, 2)
    claim(database, run="worker/2")
    with database.transaction() as session:
        claims.release_untried(session, RUN, but=tried)
    found = [get_message(one) for one in (tried, untried, others)]
    assert [(one.state, one.attempts) for one in found] == [("sending", 1), ("queued", 0), ("sending", 1)]
    assert found[1].claimed_by is None


def test_renewed_leases_do_not_expire(enqueue: Enqueue, database: Database, get_message: GetMessage) -> None:
    renewed, other = enqueue(), enqueue()
    claim(database)
    claim(database, run="worker2/1")
    with database.transaction() as session:
        claims.renew(session, "worker", clock.now() + timedelta(minutes=2))
    expire_leases(database)
    assert [get_message(one).state for one in (renewed, other)] == [MessageState.SENDING, MessageState.QUEUED]


def test_what_a_run_that_hangs_has_claimed_is_freed_although_its_worker_lives(
    enqueue: Enqueue, database: Database, get_message: GetMessage
) -> None:
    message_id = enqueue()
    claim(database)
    with database.transaction() as session:
        claims.renew(session, "worker", clock.now() + claims.MAX_CLAIM)
    expire_leases(database)
    assert get_message(message_id).state == MessageState.QUEUED


def test_a_worker_whose_lease_expired_cannot_record_a_failure(enqueue: Enqueue, database: Database) -> None:
    message_id = enqueue()
    claim(database)
    expire_leases(database)
    claim(database, run="worker/2")
    with database.transaction() as session:
        assert claims.held(session, message_id, RUN) is None
        assert claims.held(session, message_id, "worker/2") is not None


def test_a_worker_whose_lease_expired_can_record_that_it_sent_the_message(
    enqueue: Enqueue, database: Database, get_message: GetMessage
) -> None:
    message_id = enqueue()
    [slow] = claim(database)
    expire_leases(database)
    with database.transaction() as session:
        attempts.fold(session, [sent(slow)], clock.now())
    assert get_message(message_id).state == MessageState.SENT


def test_a_new_message_with_the_id_of_one_that_was_deleted_while_it_was_sent_is_not_taken_for_it(
    enqueue: Enqueue, database: Database, get_message: GetMessage
) -> None:
    enqueue()
    [deleted] = claim(database)
    with database.transaction() as session:
        session.execute(delete(Message))
    new = enqueue()
    with database.transaction() as session:
        session.execute(update(Message).where(Message.id == new).values(id=deleted.id))
        attempts.fold(session, [sent(deleted)], clock.now())
    assert get_message(deleted.id).state == MessageState.QUEUED


@pytest.mark.parametrize("ended", ["dead worker", "lease"])
def test_a_message_that_was_marked_as_sent_is_not_queued_again(
    enqueue: Enqueue, database: Database, get_message: GetMessage, ended: str
) -> None:
    marked, unmarked, of_another = enqueue(), enqueue(), enqueue()
    with SentMarks(database) as marks:
        marks.add(sent(claim(database, 2)[0]))
    claim(database, run="worker2/1")
    with database.transaction() as session:
        if ended == "lease":
            claims.sweep(session, clock.now() + timedelta(minutes=1))
        else:
            claims.release(session, "worker", clock.now())
    found = [get_message(one) for one in (marked, unmarked, of_another)]
    last = "queued" if ended == "lease" else "sending"
    assert [one.state for one in found] == ["sent", "queued", last]
    assert found[0].finished_at is not None
    assert found[0].provider == "custom"


def test_waits_grow_and_end_before_the_deadline(enqueue: Enqueue, database: Database, get_message: GetMessage) -> None:
    message_id = enqueue(expires_at=clock.now() + timedelta(hours=1))
    now, waits = clock.now(), []
    for _attempt in range(6):
        claim(database, now=now)
        with database.transaction() as session:
            message = claims.held(session, message_id, RUN)
            assert message is not None
            claims.reschedule(message, now, GREYLISTED)
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
def test_messages_expire_after_their_deadline(
    enqueue: Enqueue, database: Database, get_message: GetMessage, hours: int, states: list[MessageState]
) -> None:
    found = [enqueue(expires_at=clock.now() + timedelta(hours=1)), enqueue()]
    with database.transaction() as session:
        claims.expire(session, clock.now() + timedelta(hours=hours))
    assert [get_message(one).state for one in found] == states


@pytest.mark.parametrize("tried", [True, False])
def test_a_clock_that_was_set_back_delays_no_message(
    enqueue: Enqueue, database: Database, get_message: GetMessage, tried: bool
) -> None:
    message_id, before = enqueue(), clock.now() - timedelta(days=300)
    if tried:
        claim(database)
    with database.transaction() as session:
        if message := claims.held(session, message_id, RUN):
            claims.reschedule(message, clock.now(), GREYLISTED)
        claims.expire(session, before)
    assert get_message(message_id).next_attempt_at == before


def test_a_wait_is_not_shortened_when_clocks_differ_a_little(
    enqueue: Enqueue, database: Database, get_message: GetMessage
) -> None:
    message_id = enqueue(not_before=clock.now() + timedelta(minutes=10))
    with database.transaction() as session:
        claims.expire(session, clock.now() - timedelta(seconds=30))
    assert get_message(message_id).next_attempt_at > clock.now()


def test_the_next_due_time_is_that_of_the_first_message_that_waits(enqueue: Enqueue, database: Database) -> None:
    enqueue()
    with database.read() as session:
        assert claims.next_due(session, clock.now()) is None
    for minutes in (2, 1):
        enqueue(not_before=clock.now() + timedelta(minutes=minutes))
    with database.read() as session:
        due = claims.next_due(session, clock.now())
    assert due is not None
    assert due - clock.now() < timedelta(minutes=1)


ASKED: list[tuple[Callable[[Session], object], str]] = [
    (lambda session: claims.claim(session, clock.now(), 10, RUN), "ix_messages_due"),
    (lambda session: claims.next_due(session, clock.now()), "ix_messages_due"),
    (suspension.next_to_try, "ix_messages_waiting"),
    (lambda session: suspension.resume(session, clock.now(), RUN), "ix_messages_(waiting|state|finished)"),
    (lambda session: claims.sweep(session, clock.now()), "ix_messages_(state|finished)"),
]


def test_no_message_is_read_that_is_not_wanted(database: Database) -> None:
    for ask, index in ASKED:
        plans = query_plans(database, ask)
        assert [plan for plan in plans if not re.search(index, plan)] == []
