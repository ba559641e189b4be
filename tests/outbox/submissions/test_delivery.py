"""Handed-in emails are sent as they are, and their content is kept as long as it is needed."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests.conftest import GetMessage
from tests.outbox.submissions.conftest import EMAIL, HandIn
from tests.support.inbox import Inbox
from tests.support.query_plans import query_plans
from tests.support.scripted import ScriptedServer
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox import service
from webapp.outbox.kinds import Unwanted
from webapp.outbox.models import Message, MessageState
from webapp.outbox.submissions import contents
from webapp.outbox.submissions.models import Submission, SubmissionContent
from webapp.settings import service as settings

Act = Callable[[], None]
Scripted = Callable[..., ScriptedServer]
UseServer = Callable[..., None]
EIGHT_BITS = EMAIL.replace(b"Thank you.", "Grüße.\r\n.\r\n..".encode())


def stored(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(select(SubmissionContent.submission_id)))


def messages(database: Database) -> list[Message]:
    with database.read() as session:
        return list(session.scalars(select(Message).order_by(Message.id)))


def test_each_recipient_gets_the_same_octets(
    hand_in: HandIn, deliver: Act, scripted: Scripted, use_server: UseServer
) -> None:
    server = scripted({"EHLO": "250-scripted.example⏎250 8BITMIME"})
    use_server(server)
    hand_in("ada@people.example", "eve@people.example", content=EIGHT_BITS)
    deliver()
    assert server.messages[0] == server.messages[1]
    assert server.messages[0].endswith(EIGHT_BITS.replace(b"\r\n.", b"\r\n.."))
    assert [line for line in server.received if line.startswith(("MAIL", "RCPT"))] == [
        "MAIL FROM:<orders@shop.example> BODY=8BITMIME",
        "RCPT TO:<ada@people.example>",
        "MAIL FROM:<orders@shop.example> BODY=8BITMIME",
        "RCPT TO:<eve@people.example>",
    ]


def test_large_emails_are_sent_like_small_ones(hand_in: HandIn, deliver: Act, inbox: Inbox) -> None:
    text = b"x" * 70 + b"\r\n"
    for lines in (1, contents.MAX_SMALL // len(text) + 1):
        hand_in(content=EMAIL + text * lines)
        deliver()
        assert inbox.last.text.count("x" * 70) == lines


def test_each_recipient_has_a_fate_of_its_own(
    hand_in: HandIn, deliver: Act, scripted: Scripted, use_server: UseServer, database: Database
) -> None:
    use_server(scripted({"RCPT": ["550 5.1.1 No such user", "250 2.1.5 Ok"]}, pipelining=False))
    hand_in("gone@people.example", "eve@people.example")
    deliver()
    assert [one.state for one in messages(database)] == [MessageState.FAILED, MessageState.SENT]


def test_a_refused_sender_of_an_application_ends_only_its_message(
    hand_in: HandIn, deliver: Act, scripted: Scripted, use_server: UseServer, database: Database
) -> None:
    use_server(scripted({"MAIL": ["553 5.7.1 Sender address rejected: not owned by user", "250 Ok"]}, pipelining=False))
    hand_in("ada@people.example")
    hand_in("eve@people.example")
    deliver()
    assert [one.state for one in messages(database)] == [MessageState.FAILED, MessageState.SENT]


def test_a_server_without_8bitmime_is_named_as_the_cause(
    hand_in: HandIn, deliver: Act, scripted: Scripted, use_server: UseServer, database: Database
) -> None:
    use_server(scripted({"EHLO": "250 scripted.example"}))
    hand_in(content=EIGHT_BITS)
    deliver()
    (message,) = messages(database)
    assert (message.state, message.failure_code) == (MessageState.FAILED, "8bitmime_not_offered")


def test_the_content_is_deleted_once_everybody_has_it(
    hand_in: HandIn, deliver: Act, inbox: Inbox, database: Database
) -> None:
    hand_in("ada@people.example", "eve@people.example")
    contents.delete_unneeded(clock.now())
    assert len(stored(database)) == 1
    deliver()
    contents.delete_unneeded(clock.now())
    assert stored(database) == []


def test_all_contents_that_nobody_needs_are_deleted_at_once(
    hand_in: HandIn, deliver: Act, inbox: Inbox, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "CHUNK_SIZE", 2)
    for _ in range(5):
        hand_in()
    deliver()
    hand_in()
    contents.delete_unneeded(clock.now())
    assert len(stored(database)) == 1


@pytest.mark.one_database
def test_those_that_are_kept_are_not_looked_at(database: Database) -> None:
    (plan,) = [
        plan
        for plan in query_plans(database, lambda session: contents._unneeded(session, clock.now(), 0))
        if "submission_contents" in plan
    ]
    assert "SEARCH submission_contents USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in plan
    assert "ix_submissions_created_at (created_at<?)" in plan
    assert "ix_messages_submission_id (submission_id=?)" in plan


def test_it_is_kept_for_the_days_that_were_chosen(
    hand_in: HandIn, deliver: Act, inbox: Inbox, database: Database
) -> None:
    with database.transaction() as session:
        settings.save_content_days(session, 7)
    hand_in()
    deliver()
    contents.delete_unneeded(clock.now() + timedelta(days=6))
    assert len(stored(database)) == 1
    contents.delete_unneeded(clock.now() + timedelta(days=8))
    assert stored(database) == []


def test_a_failed_message_can_be_tried_again_as_long_as_its_content_is_kept(
    hand_in: HandIn, database: Database, get_message: GetMessage
) -> None:
    hand_in()
    (message,) = messages(database)
    with database.transaction() as session:
        session.execute(update(Message).values(state=MessageState.FAILED, finished_at=clock.now()))
    contents.delete_unneeded(clock.now() + timedelta(days=2))
    with database.transaction() as session:
        service.retry(session, message.id)
    assert get_message(message.id).state == MessageState.QUEUED
    with database.transaction() as session:
        session.delete(session.scalars(select(SubmissionContent)).one())
    with pytest.raises(Unwanted), database.transaction() as session:
        service.retry(session, message.id)


def test_an_email_is_forgotten_with_its_messages(
    hand_in: HandIn, deliver: Act, inbox: Inbox, database: Database
) -> None:
    hand_in()
    deliver()
    for days, left in ((89, 1), (91, 0)):
        then = clock.now() + timedelta(days=days)
        with database.transaction() as session:
            service.delete_old_messages(session, then)
            contents.delete_old_submissions(session, then)
            assert len(session.scalars(select(Submission.id)).all()) == left
