"""The pages: the outbox, one message."""

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
def test_an_empty_outbox_says_what_will_appear(administrator: Browser) -> None:
    assert "Nothing has been owed yet" in administrator.get("/outbox").text


def test_the_list_is_narrowed_to_a_state(administrator: Browser, enqueue: Enqueue, inbox: Inbox, deliver: Act) -> None:
    enqueue(recipient="sent@people.example")
    deliver()
    enqueue(recipient="waiting@people.example")
    assert "sent@people.example" not in administrator.get("/outbox?state=waiting").text
    assert "sent@people.example" in administrator.get("/outbox?state=sent").text
    assert "waiting@people.example" in administrator.get("/outbox?state=nonsense").text


def test_older_messages_are_a_page_away(administrator: Browser, enqueue: Enqueue) -> None:
    for number in range(52):
        enqueue(recipient=f"number{number}@people.example")
    newest = administrator.get("/outbox").text
    assert "number51@" in newest
    assert "number1@" not in newest
    older = administrator.get("/outbox?before=3").text
    assert "number1@" in older
    assert "number2@" not in older


def test_a_message_that_waits_for_its_turn_says_why(administrator: Browser, enqueue: Enqueue) -> None:
    why = "sent five minutes apart"
    assert why not in administrator.get(f"/outbox/{enqueue()}").text
    waiting = enqueue(not_before=clock.now() + timedelta(minutes=5))
    assert why in administrator.get(f"/outbox/{waiting}").text


@pytest.mark.parametrize("path", ["/outbox/0", "/outbox/4", f"/outbox/{10**30}"])
def test_a_message_that_is_not_there_is_not_found(administrator: Browser, path: str) -> None:
    assert administrator.get(path).status_code == 404


@pytest.mark.parametrize("before", ["-1", "x", str(10**30), str(-(10**30)), ""])
def test_any_page_address_gets_a_page(administrator: Browser, before: str) -> None:
    assert administrator.get(f"/outbox?before={before}").status_code == 200


@pytest.mark.parametrize(
    ("refusal", "state"),
    [
        ("451 4.7.1 <b>Greylisted</b>", MessageState.QUEUED),
        ("554 5.6.0 No <b>such</b> content here", MessageState.FAILED),
    ],
)
def test_a_message_shows_the_servers_words_and_is_tried_again(
    administrator: Browser,
    enqueue: Enqueue,
    inbox: Inbox,
    deliver: Act,
    get_message: GetMessage,
    refusal: str,
    state: MessageState,
) -> None:
    inbox.refusals.append(refusal)
    message_id = enqueue()
    deliver()
    assert get_message(message_id).state == state
    assert escape(refusal) in administrator.get(f"/outbox/{message_id}").text
    administrator.submit(f"/outbox/{message_id}", "retry")
    deliver()
    assert (get_message(message_id).state, len(inbox.messages)) == (MessageState.SENT, 1)


def test_what_was_sent_is_not_sent_twice(administrator: Browser, enqueue: Enqueue, inbox: Inbox, deliver: Act) -> None:
    message_id = enqueue()
    deliver()
    assert "There is nothing to try again" in administrator.post(f"/outbox/{message_id}/retry").text
    deliver()
    assert len(inbox.messages) == 1


@pytest.mark.one_database
def test_an_expired_activation_leads_to_a_new_one(
    administrator: Browser, enqueue: Enqueue, pending: int, deliver: Act
) -> None:
    message_id = enqueue("activation", user_id=pending, expires_at=clock.now())
    deliver()
    page = administrator.get(f"/outbox/{message_id}").text
    assert f'href="/users/{pending}"' in page
    assert "Try again now" not in page
