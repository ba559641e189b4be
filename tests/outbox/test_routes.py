"""The Outbox pages."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from markupsafe import escape

from tests.conftest import Enqueue, GetMessage
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from webapp.core import clock
from webapp.outbox.models import MessageState

Act = Callable[[], None]


@pytest.mark.one_database
def test_an_empty_outbox_says_what_will_appear_in_it(administrator: Browser) -> None:
    assert "No messages yet. Every activation" in administrator.get("/outbox").text


@pytest.mark.one_database
def test_the_list_can_be_limited_to_a_state(
    administrator: Browser, enqueue: Enqueue, inbox: Inbox, deliver: Act
) -> None:
    enqueue(recipient="sent@people.example")
    deliver()
    enqueue(recipient="waiting@people.example")
    assert "sent@people.example" not in administrator.get("/outbox?state=waiting").text
    assert "sent@people.example" in administrator.get("/outbox?state=sent").text
    assert "waiting@people.example" in administrator.get("/outbox?state=nonsense").text


@pytest.mark.one_database
def test_older_messages_are_on_further_pages(administrator: Browser, enqueue: Enqueue) -> None:
    for number in range(52):
        enqueue(recipient=f"number{number}@people.example")
    newest = administrator.get("/outbox").text
    assert "number51@" in newest
    assert "number1@" not in newest
    older = administrator.get("/outbox?before=3").text
    assert "number1@" in older
    assert "number2@" not in older


@pytest.mark.one_database
def test_a_message_that_was_scheduled_for_later_says_why(administrator: Browser, enqueue: Enqueue) -> None:
    reason = "Only one email of this kind is sent to an address every five minutes."
    assert reason not in administrator.get(f"/outbox/{enqueue()}").text
    scheduled = enqueue(not_before=clock.now() + timedelta(minutes=5))
    assert reason in administrator.get(f"/outbox/{scheduled}").text


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("rejection", "expected"),
    [
        ("451 4.7.1 <b>Greylisted</b>", MessageState.QUEUED),
        ("554 5.6.0 No <b>such</b> content here", MessageState.FAILED),
    ],
)
def test_a_message_shows_the_servers_reply_and_can_be_retried(
    administrator: Browser,
    enqueue: Enqueue,
    inbox: Inbox,
    deliver: Act,
    get_message: GetMessage,
    rejection: str,
    expected: MessageState,
) -> None:
    inbox.refusals.append(rejection)
    message_id = enqueue()
    deliver()
    assert get_message(message_id).state == expected
    assert escape(rejection) in administrator.get(f"/outbox/{message_id}").text
    administrator.submit(f"/outbox/{message_id}", "retry")
    deliver()
    assert (get_message(message_id).state, len(inbox.messages)) == (MessageState.SENT, 1)


@pytest.mark.one_database
def test_a_message_that_waits_for_the_server_says_what_is_wrong(
    administrator: Browser, enqueue: Enqueue, inbox: Inbox, deliver: Act
) -> None:
    inbox.password = "another one"
    message_id = enqueue()
    deliver()
    page = administrator.get(f"/outbox/{message_id}").text
    assert "535" in page
    assert "Other messages are waiting for the same reason." in page


@pytest.mark.one_database
def test_a_sent_message_cannot_be_retried(administrator: Browser, enqueue: Enqueue, inbox: Inbox, deliver: Act) -> None:
    message_id = enqueue()
    deliver()
    assert "Nothing to retry" in administrator.post(f"/outbox/{message_id}/retry").text
    deliver()
    assert len(inbox.messages) == 1


@pytest.mark.one_database
def test_a_cancelled_message_says_why_it_was_not_sent(
    administrator: Browser, enqueue: Enqueue, inbox: Inbox, deliver: Act
) -> None:
    message_id = enqueue("reset", "nobody@people.example", expires_at=clock.now() + timedelta(hours=1))
    deliver()
    page = administrator.get(f"/outbox/{message_id}").text
    assert "No account uses this address, so nothing was sent." in page
    assert "Failed" not in page


@pytest.mark.one_database
def test_an_expired_activation_links_to_the_user(
    administrator: Browser, enqueue: Enqueue, pending: int, deliver: Act
) -> None:
    message_id = enqueue("activation", user_id=pending, expires_at=clock.now())
    deliver()
    page = administrator.get(f"/outbox/{message_id}").text
    assert f'href="/users/{pending}"' in page
    assert "/retry" not in page
