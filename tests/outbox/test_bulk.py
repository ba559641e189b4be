"""Retrying and canceling all messages of a filter, and downloading them."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.conftest import Enqueue, GetMessage
from tests.support.browser import Browser
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox import bulk, export
from webapp.outbox.models import Attempt, AttemptResult, Message, MessageState

States = Callable[[], list[str]]


@pytest.fixture
def states(database: Database) -> States:
    """Read the states of all messages, oldest first."""

    def states() -> list[str]:
        with database.read() as session:
            return list(session.scalars(select(Message.state).order_by(Message.id)))

    return states


def change(database: Database, *ids: int, **values: object) -> None:
    with database.transaction() as session:
        session.execute(update(Message).where(Message.id.in_(ids)).values(**values))


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_retry_all_says_how_many_and_retries_what_the_filter_shows(
    administrator: Browser, enqueue: Enqueue, database: Database, states: States
) -> None:
    ids = [enqueue(recipient=f"{name}@people.example") for name in ("ann", "bob", "other")]
    change(database, *ids, state=MessageState.FAILED, finished_at=clock.now(), attempts=1)
    change(database, ids[2], recipient_domain="other.example")
    page = "/outbox/retry-all?state=failed&address=%40people.example"
    assert "2 messages are tried again now." in administrator.get(page).text
    assert "Trying 2 messages again." in administrator.submit(page, "sure").text
    assert states() == ["queued", "queued", "failed"]
    assert "2 messages." in administrator.get("/audit").text


def test_what_somebody_waits_for_is_sent_before_what_was_retried_with_many(
    administrator: Browser, enqueue: Enqueue, database: Database, get_message: GetMessage
) -> None:
    failed, waiting = enqueue(), enqueue()
    change(database, failed, state=MessageState.FAILED)
    for state in ("failed", "waiting"):
        administrator.submit(f"/outbox/retry-all?state={state}", "sure")
    assert (get_message(failed).bulk, get_message(waiting).bulk) == (True, False)


def test_retry_all_leaves_out_what_is_too_old_or_was_sent_again_and_what_may_have_arrived(
    administrator: Browser, enqueue: Enqueue, database: Database, states: States
) -> None:
    too_old, sent_again, uncertain = enqueue(), enqueue(), enqueue()
    later = clock.now() + timedelta(hours=1)
    change(database, too_old, state=MessageState.FAILED, created_at=clock.now() - timedelta(days=4))
    change(database, sent_again, state=MessageState.FAILED, resent_as=99)
    change(database, uncertain, uncertain_at=clock.now(), next_attempt_at=later)
    for state in ("failed", "waiting"):
        assert "None of these messages can be retried" in administrator.get(f"/outbox/retry-all?state={state}").text
    assert states() == ["failed", "failed", "queued"]


def test_cancel_all_leaves_out_what_warns_people_and_what_may_have_arrived(
    administrator: Browser, enqueue: Enqueue, database: Database, states: States
) -> None:
    enqueue("reset", user_id=None)
    enqueue("lockout")
    change(database, enqueue("activation"), uncertain_at=clock.now())
    enqueue("activation")
    change(database, 1, attempts=1)
    page = "/outbox/cancel-all?state=waiting"
    assert "2 messages won't be sent." in administrator.get(page).text
    administrator.submit(page, "sure")
    assert states() == ["cancelled", "queued", "queued", "cancelled"]
    assert "An administrator canceled it." in administrator.get("/outbox/4").text


def test_more_messages_than_a_chunk_are_changed(
    administrator: Browser, enqueue: Enqueue, database: Database, states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "CHUNK_SIZE", 2)
    ids = [enqueue() for _number in range(5)]
    change(database, *ids, state=MessageState.FAILED)
    administrator.submit("/outbox/retry-all?state=failed", "sure")
    assert states() == ["queued"] * 5


@pytest.mark.one_database
def test_a_filter_that_is_wrong_changes_nothing(administrator: Browser, enqueue: Enqueue, states: States) -> None:
    enqueue("activation")
    page = administrator.post("/outbox/cancel-all?since=nonsense", sure="1")
    assert "Enter a date such as" in page.text
    assert states() == ["queued"]


def test_the_download_has_what_the_filter_shows_with_the_servers_reply(
    administrator: Browser, enqueue: Enqueue, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "CHUNK_SIZE", 2)
    ids = [enqueue(recipient=f"{name}@people.example") for name in ("ann", "bob", "col", "dan", "=sum")]
    change(database, *ids, created_at=datetime(2026, 5, 1, 12, tzinfo=UTC))
    enqueue(recipient="eve@other.example")
    with database.transaction() as session:
        same = {"number": 1, "started_at": clock.now(), "result": AttemptResult.SENT}
        reply = "250 2.0.0 Ok: queued as 4Xy7Rn1d"
        session.add(Attempt(message_id=ids[0], reply=reply, header_id="<f00d@mailroom.example>", **same))
    response = administrator.get("/outbox/messages.csv?address=%40people.example")
    rows = read_csv(response.text)
    assert [row["recipient"] for row in rows] == [
        "'=sum@people.example",
        *(f"{n}@people.example" for n in ("dan", "col", "bob", "ann")),
    ]
    assert [rows[-1][name] for name in ("created", "queue_id", "message_id", "reply")] == [
        "2026-05-01T12:00:00.000Z", "4Xy7Rn1d", "<f00d@mailroom.example>", reply,
    ]  # fmt: skip
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "Outbox downloaded" in administrator.get("/audit").text
