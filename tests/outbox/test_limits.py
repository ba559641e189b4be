"""How many messages may be sent now, and what waits for that."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.conftest import Enqueue
from tests.mail.conftest import later
from tests.support.browser import Browser
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.database import Database
from webapp.mail.models import MailServer
from webapp.outbox import limits
from webapp.outbox.limits import Allowance, Reached
from webapp.outbox.models import Attempt, AttemptResult, Message, MessageState
from webapp.outbox.status import Flow, delivery_status

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=clock.now().tzinfo)
UseServer = Callable[..., None]


@pytest.fixture
def use_limits(use_server: UseServer, database: Database, enqueue: Enqueue) -> UseServer:
    """Save a mail server with these limits; one message is due that was tried several times already."""
    enqueue()
    with database.transaction() as session:
        session.execute(update(Message).values(next_attempt_at=NOW, attempts=9))
    return lambda **given: use_server(**given)


def tried(database: Database, *ages: float, **given: object) -> None:
    """Record attempts that began so many seconds ago."""
    with database.transaction() as session:
        server = session.scalars(select(MailServer.id)).one()
        for age in ages:
            values = {"message_id": 1, "number": 1, "mail_server_id": server, "result": AttemptResult.SENT, **given}
            session.add(Attempt(started_at=NOW - timedelta(seconds=age), **values))


def allowance(database: Database, run: str = "w/1") -> Allowance:
    with database.transaction() as session:
        return locked_allowance(session, run)


def locked_allowance(session: Session, run: str) -> Allowance:
    server = session.scalars(select(MailServer)).one()
    limits.lock(session, [server.id])
    return limits.allowance(session, server, NOW, run)


def reached(database: Database, now: datetime = NOW) -> Reached | None:
    with database.read() as session:
        return limits.limit_reached(session, now)


def sending(session: Session, run: str, server_id: int | None = None) -> None:
    """Have a run send a message by a server."""
    queued = select(Message.id).where(Message.state == MessageState.QUEUED).limit(1).scalar_subquery()
    server_id = server_id or session.scalars(select(MailServer.id)).one()
    claimed = update(Message).where(Message.id.in_(queued)).values(claimed_by=run, mail_server_id=server_id)
    session.execute(claimed.values(state=MessageState.SENDING, attempts=Message.attempts + 1))


def test_without_limits_any_number_may_be_sent(use_limits: UseServer, database: Database) -> None:
    use_limits()
    tried(database, 1, 2, 3)
    assert allowance(database) == Allowance(None, None)


def test_what_left_in_the_last_minute_counts(use_limits: UseServer, database: Database) -> None:
    use_limits(limit_per_minute=3)
    tried(database, 70, 60, 50, 10)
    assert allowance(database) == Allowance(1, 1)


def test_a_slot_is_free_when_the_first_has_left_the_window(use_limits: UseServer, database: Database) -> None:
    use_limits(limit_per_minute=2)
    tried(database, 50, 30, 10)
    assert allowance(database) == Allowance(0, 0)
    assert reached(database) == Reached("per_minute", 2, NOW + timedelta(seconds=30))


def test_of_two_limits_the_longer_wait_counts(use_limits: UseServer, database: Database) -> None:
    use_limits(limit_per_minute=1, limit_per_day=2)
    tried(database, 3600, 10)
    found = reached(database)
    assert found is not None
    assert found.until == NOW + timedelta(hours=23)


@pytest.mark.parametrize(
    ("attempt", "count"),
    [
        ({"stage": "connect", "result": AttemptResult.FAILED}, 1),
        ({"stage": "auth", "result": AttemptResult.FAILED}, 1),
        ({"stage": "rcpt", "result": AttemptResult.FAILED}, 0),
        ({"stage": "data", "result": AttemptResult.UNCERTAIN}, 0),
        ({"mail_server_id": 99}, 1),
        ({"started_at": NOW + timedelta(hours=1)}, 1),
    ],
    ids=["no connection", "no authentication", "refused", "uncertain", "another server", "clock set back"],
)
@pytest.mark.one_database
def test_only_what_has_reached_the_server_counts(
    attempt: dict[str, object], count: int, use_limits: UseServer, database: Database
) -> None:
    use_limits(limit_per_minute=1)
    started_at = attempt.pop("started_at", None)
    tried(database, (NOW - started_at).total_seconds() if isinstance(started_at, datetime) else 5, **attempt)
    assert allowance(database).count == count


def test_what_others_are_sending_counts_once(use_limits: UseServer, database: Database) -> None:
    use_limits(limit_per_minute=1)
    with database.transaction() as session:
        sending(session, "other/1")
    assert allowance(database, "other/1").count == 1
    assert allowance(database).count == 0
    # It is marked as sent, and the message itself is still to follow.
    tried(database, 90, number=10)
    assert allowance(database).count == 1


@pytest.mark.one_database
def test_what_others_are_sending_by_another_server_does_not_count(use_limits: UseServer, database: Database) -> None:
    use_limits(limit_per_minute=1, limit_connections=1)
    with database.transaction() as session:
        sending(session, "other/1", server_id=99)
    assert allowance(database).count == 1


def test_the_provider_limits_and_an_administrator_lowers(use_limits: UseServer, database: Database) -> None:
    use_limits(provider="office365")
    assert allowance(database).count == 30
    use_limits(provider="office365", limit_per_day=7)
    assert allowance(database).count == 7


def test_no_more_connections_than_allowed(use_limits: UseServer, database: Database, enqueue: Enqueue) -> None:
    enqueue()
    use_limits(limit_connections=2)
    with database.transaction() as session:
        sending(session, "other/1")
    assert allowance(database).count is None
    with database.transaction() as session:
        sending(session, "other/2")
    assert allowance(database, "other/2").count is None
    assert allowance(database) == Allowance(0, 0)
    # It has no end that is known; those who are connected send what is due.
    assert reached(database) is None


def test_only_what_is_due_waits_for_a_limit(use_limits: UseServer, database: Database) -> None:
    use_limits(limit_per_minute=1, limit_connections=1)
    assert reached(database) is None
    tried(database, 15)
    assert reached(database) == Reached("per_minute", 1, NOW + timedelta(seconds=45))
    assert reached(database, NOW - timedelta(seconds=1)) is None


def test_bulk_messages_leave_a_tenth_of_a_limit_to_the_others(use_limits: UseServer, database: Database) -> None:
    use_limits(limit_per_day=20)
    tried(database, *range(1, 18))
    assert allowance(database) == Allowance(3, 1)
    tried(database, 18)
    assert allowance(database) == Allowance(2, 0, ends_the_day=True)
    assert reached(database) is None
    with database.transaction() as session:
        session.execute(update(Message).values(bulk=True))
    assert reached(database) == Reached("per_day", 20, NOW + timedelta(hours=24, seconds=-18))


def test_two_runs_at_the_same_moment_keep_to_the_limit_together(
    use_limits: UseServer, app: Flask, database: Database
) -> None:
    use_limits(limit_per_minute=1)
    counts: list[int | None] = []

    def ask() -> None:
        with app.app_context():
            counts.append(allowance(database, "w/2").count)

    second = threading.Thread(target=ask)
    with database.transaction() as session:
        assert locked_allowance(session, "w/1").count == 1
        second.start()
        second.join(0.3)
        sending(session, "w/1")
    second.join()
    assert counts == [0]


def test_a_run_sends_no_more_than_the_limit_allows(
    scripted: Callable[..., ScriptedServer], use_server: UseServer, enqueue: Enqueue, deliver: Callable[[], None]
) -> None:
    server = scripted()
    use_server(server, limit_per_minute=3)
    for number in range(7):
        enqueue(recipient=f"{number}@people.example")
    for minute, sent in ((0, 3), (0, 3), (1, 6), (2, 7)):
        with later(seconds=minute * 61):
            deliver()
        assert len(server.messages) == sent


def test_pages_say_which_limit_email_waits_for(
    use_server: UseServer, database: Database, enqueue: Enqueue, administrator: Browser
) -> None:
    waiting = enqueue()
    use_server(limit_per_minute=1)
    tried(database, (NOW - clock.now()).total_seconds(), message_id=waiting)
    for page in ("/", "/outbox", f"/outbox/{waiting}"):
        assert "The limit of 1 email a minute is reached until" in administrator.get(page).text
    use_server(limit_per_minute=None, limit_per_day=1)
    assert "The limit of 1 email in 24 hours is reached until" in administrator.get("/outbox").text
    use_server(limit_per_minute=2, limit_per_day=None)
    assert "is reached until" not in administrator.get("/outbox").text


def test_the_worker_looks_again_when_the_limit_ends(use_limits: UseServer, database: Database) -> None:
    use_limits(limit_per_day=1)
    tried(database, 60)
    with database.read() as session:
        assert limits.next_due(session, NOW) == NOW + timedelta(hours=24, seconds=-60)


def test_waiting_for_a_limit_is_no_standstill(use_limits: UseServer, database: Database) -> None:
    use_limits(limit_per_day=1)
    tried(database, 24 * 3600 - 60)
    with database.transaction() as session:
        session.execute(update(Message).values(next_attempt_at=NOW - timedelta(hours=1)))
    flows = []
    for minutes in (0, 2, 8):
        with database.read() as session:
            flows.append(delivery_status(session, NOW + timedelta(minutes=minutes)).flow)
    assert flows == [Flow.LIMITED, Flow.UNCONFIRMED, Flow.NO_WORKER]


def test_a_reset_goes_out_while_invitations_wait_for_the_limit(
    scripted: Callable[..., ScriptedServer],
    use_server: UseServer,
    enqueue: Enqueue,
    deliver: Callable[[], None],
    database: Database,
) -> None:
    server = scripted()
    use_server(server, limit_per_day=10)
    for number in range(12):
        enqueue(recipient=f"{number}@people.example")
    with database.transaction() as session:
        session.execute(update(Message).values(bulk=True))
    deliver()
    assert len(server.messages) == 9
    enqueue(recipient="eve@people.example")
    deliver()
    assert len(server.messages) == 10
    assert b"eve@people.example" in server.messages[-1]
