"""Tests of webapp.outbox.submissions.service: what applications may hand in, and what is queued of it."""

import pytest
from sqlalchemy import select

from tests.outbox.submissions.conftest import EMAIL, HandIn
from tests.support.inbox import Inbox
from webapp.applications.models import Application
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.outbox.models import Message, MessageState
from webapp.outbox.submissions.models import Submission, SubmissionContent
from webapp.outbox.submissions.senders import SenderNotAllowed
from webapp.outbox.submissions.service import Handed, HourlyLimitReached, MayNotSend, submit_all


def queued(database: Database) -> list[Message]:
    with database.read() as session:
        return list(session.scalars(select(Message).order_by(Message.id)))


def change(database: Database, application: Application, **values: object) -> None:
    with database.transaction() as session:
        row = session.get_one(Application, application.id)
        for name, value in values.items():
            setattr(row, name, value)


def test_each_recipient_gets_a_message_once(hand_in: HandIn, database: Database, shop: Application) -> None:
    submission = hand_in("ada@people.example", "eve@people.example", "Ada@People.example")
    messages = queued(database)
    assert [one.recipient for one in messages] == ["Ada@People.example", "eve@people.example"]
    assert {(one.state, one.submission_id, one.application_id, one.bulk) for one in messages} == {
        (MessageState.QUEUED, submission.id, shop.id, False)
    }
    assert (submission.subject, submission.sender) == ("Your order", "orders@shop.example")


def test_the_content_is_sealed(hand_in: HandIn, database: Database) -> None:
    hand_in()
    with database.read() as session:
        sealed = session.scalars(select(SubmissionContent.sealed_content)).one()
    assert "Thank" not in sealed
    assert "order" not in sealed


@pytest.mark.parametrize("forged", [b"evil@x.example", b"orders@sub.shop.example", b"orders@shop.example.x.example"])
def test_only_allowed_senders_are_taken(hand_in: HandIn, database: Database, forged: bytes) -> None:
    with pytest.raises(SenderNotAllowed) as envelope:
        hand_in(sender=forged.decode())
    assert envelope.value.allowed == ["shop.example"]
    with pytest.raises(SenderNotAllowed):
        hand_in(content=EMAIL.replace(b"orders@shop.example", forged))
    with pytest.raises(SenderNotAllowed):
        hand_in(content=b"Sender: " + forged + b"\r\n" + EMAIL)
    assert queued(database) == []


def test_without_allowed_senders_it_sends_as_the_mail_server_does(
    hand_in: HandIn, database: Database, shop: Application, inbox: Inbox
) -> None:
    change(database, shop, allowed_senders=[])
    with pytest.raises(SenderNotAllowed, match=r"orders@shop\.example"):
        hand_in()
    own = "mailroom@mailroom.example"
    assert hand_in(sender=own, content=EMAIL.replace(b"orders@shop.example", own.encode())).sender == own


def test_what_may_not_send_does_not(hand_in: HandIn, database: Database, shop: Application) -> None:
    change(database, shop, may_send=False)
    with pytest.raises(MayNotSend):
        hand_in()


def test_the_hourly_limit_counts_recipients(hand_in: HandIn, database: Database, shop: Application) -> None:
    change(database, shop, messages_per_hour=3)
    hand_in("a@people.example", "b@people.example")
    with pytest.raises(HourlyLimitReached) as reached:
        hand_in("c@people.example", "d@people.example")
    assert (reached.value.limit, reached.value.left) == (3, 1)
    assert 0 < reached.value.retry_after <= 20 * 60
    hand_in("c@people.example")
    assert len(queued(database)) == 3


def test_many_recipients_are_sent_after_others(hand_in: HandIn, database: Database) -> None:
    hand_in(*[f"{number}@people.example" for number in range(21)])
    assert all(message.bulk for message in queued(database))


def test_one_that_is_refused_does_not_keep_others_from_being_taken(
    state: AppState, database: Database, shop: Application
) -> None:
    emails = [Handed("orders@shop.example", [f"{n}@people.example"], EMAIL) for n in range(2)]
    forged = Handed("evil@x.example", ["ada@people.example"], EMAIL)
    with database.transaction() as session:
        first, refused, last = submit_all(
            session, state.sealer, [(shop, one) for one in (emails[0], forged, emails[1])]
        )
    assert isinstance(refused, SenderNotAllowed)
    with database.read() as session:
        stored = session.scalars(
            select(Submission.public_id).join(Message, Message.submission_id == Submission.id).order_by(Message.id)
        ).all()
    assert stored == [first, last]
