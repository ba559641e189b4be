"""Sending a message again: with a new link, in place of the old one."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, update

from tests.conftest import Enqueue, GetMessage
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts.models import User, UserState
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox.models import Message, MessageState

Act = Callable[[], None]
ENTRY = "Message sent again"


@pytest.fixture
def sent(enqueue: Enqueue, pending: int, inbox: Inbox, deliver: Act) -> int:
    """An activation email that was sent."""
    message_id = enqueue("activation", user_id=pending, expires_at=clock.now() + timedelta(hours=1))
    deliver()
    return message_id


def newest(database: Database) -> Message:
    with database.read() as session:
        return session.scalars(select(Message).order_by(Message.id.desc())).first()  # type: ignore[return-value]


def test_only_the_new_link_and_code_work(
    administrator: Browser, stranger: Browser, sent: int, inbox: Inbox, deliver: Act
) -> None:
    page = administrator.submit(f"/outbox/{sent}", "resend").text
    deliver()
    old, new = inbox.messages
    assert "The old link no longer works." in page
    assert "no longer valid" in stranger.get(urlsplit(old.link).path).text
    assert "This code is wrong" in stranger.submit("/code", email="eve@people.example", code=old.code).text
    assert "Choose" in stranger.submit("/code", email="eve@people.example", code=new.code).text
    assert "Choose" in stranger.get(urlsplit(new.link).path).text


def test_both_messages_refer_to_each_other(
    administrator: Browser, sent: int, database: Database, get_message: GetMessage
) -> None:
    administrator.submit(f"/outbox/{sent}", "resend")
    copy = newest(database)
    assert (copy.resend_of, get_message(sent).resent_as) == (sent, copy.id)
    assert f'href="/outbox/{copy.id}"' in administrator.get(f"/outbox/{sent}").text
    assert f'href="/outbox/{sent}"' in administrator.get(f"/outbox/{copy.id}").text
    assert ENTRY in administrator.get("/audit").text


@pytest.mark.one_database
@pytest.mark.parametrize(("now", "reason"), [(UserState.ACTIVE, "already active"), (UserState.DISABLED, "is disabled")])
def test_an_unwanted_message_is_refused_with_a_reason(
    administrator: Browser, sent: int, pending: int, database: Database, now: UserState, reason: str
) -> None:
    with database.transaction() as session:
        session.execute(update(User).where(User.id == pending).values(state=now))
    assert reason in administrator.submit(f"/outbox/{sent}", "resend").text
    assert newest(database).id == sent


@pytest.mark.one_database
def test_a_second_click_sends_nothing_more(administrator: Browser, sent: int, database: Database) -> None:
    administrator.submit(f"/outbox/{sent}", "resend")
    copy = newest(database).id
    assert "be sent again." in administrator.post(f"/outbox/{sent}/resend").text
    assert newest(database).id == copy


@pytest.mark.one_database
def test_nothing_is_sent_again_while_another_one_waits(
    administrator: Browser, sent: int, pending: int, enqueue: Enqueue, database: Database
) -> None:
    waiting = enqueue("activation", user_id=pending, expires_at=clock.now() + timedelta(hours=1))
    assert "already waiting" in administrator.submit(f"/outbox/{sent}", "resend").text
    assert newest(database).id == waiting


@pytest.mark.one_database
def test_a_message_that_was_sent_again_is_not_retried(
    administrator: Browser, enqueue: Enqueue, pending: int, inbox: Inbox, deliver: Act, get_message: GetMessage
) -> None:
    inbox.refusals.append("554 5.6.0 No such content")
    failed = enqueue("activation", user_id=pending, expires_at=clock.now() + timedelta(hours=1))
    deliver()
    administrator.submit(f"/outbox/{failed}", "resend")
    assert "Nothing to retry" in administrator.post(f"/outbox/{failed}/retry").text
    assert get_message(failed).state == MessageState.FAILED


@pytest.mark.one_database
@pytest.mark.parametrize("kind", ["reset", "confirm_address"])
def test_resets_can_be_sent_again_and_address_changes_only_while_they_are_pending(
    administrator: Browser, enqueue: Enqueue, database: Database, kind: str
) -> None:
    user_id = add_user(database, "eve@people.example")
    message_id = enqueue(kind, user_id=user_id, expires_at=clock.now())
    with database.transaction() as session:
        session.execute(update(Message).values(state=MessageState.EXPIRED))
    administrator.submit(f"/outbox/{message_id}", "resend")
    assert (newest(database).id > message_id) is (kind == "reset")


@pytest.mark.one_database
def test_notifications_are_not_sent_again(administrator: Browser, enqueue: Enqueue, inbox: Inbox, deliver: Act) -> None:
    message_id = enqueue()
    deliver()
    assert "/resend" not in administrator.get(f"/outbox/{message_id}").text
    assert "be sent again." in administrator.post(f"/outbox/{message_id}/resend").text
