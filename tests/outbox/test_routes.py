"""The Outbox pages."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from markupsafe import escape
from sqlalchemy import select

from tests.conftest import Enqueue, GetMessage
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from tests.support.scripted import ScriptedServer
from tests.support.users import add_user
from webapp.core import clock
from webapp.core.database import Database
from webapp.outbox import claims, service
from webapp.outbox.models import Message, MessageState

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
    reason = "Only one email of this type is sent to an address every five minutes."
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


def test_a_retry_of_what_is_not_wanted_any_more_says_why_and_changes_nothing(
    administrator: Browser, enqueue: Enqueue, pending: int, inbox: Inbox, deliver: Act, get_message: GetMessage
) -> None:
    inbox.refusals.append("550 5.1.1 No such user")
    message_id = enqueue("activation", user_id=pending, expires_at=clock.now() + timedelta(hours=1))
    deliver()
    administrator.submit(f"/users/{pending}", email="eva@people.example")
    page = administrator.submit(f"/outbox/{message_id}", "retry").text
    assert "address has been corrected since." in page
    assert "Trying again now." not in page
    assert get_message(message_id).state == MessageState.FAILED


@pytest.mark.one_database
def test_an_expired_activation_links_to_the_user(
    administrator: Browser, enqueue: Enqueue, pending: int, deliver: Act
) -> None:
    message_id = enqueue("activation", user_id=pending, expires_at=clock.now())
    deliver()
    page = administrator.get(f"/outbox/{message_id}").text
    assert f'href="/users/{pending}"' in page
    assert "/retry" not in page


def test_requests_for_addresses_without_an_account_are_not_listed_and_soon_deleted(
    administrator: Browser, stranger: Browser, deliver: Act, use_server: Callable[..., None], database: Database
) -> None:
    use_server()
    add_user(database, "eve@people.example")
    for email in ("nobody@people.example", "eve@people.example"):
        stranger.submit("/forgot-password", email=email)
        assert "nobody@" not in administrator.get("/outbox").text
    deliver()
    for tab in ("all", "waiting", "cancelled"):
        assert "nobody@" not in administrator.get(f"/outbox?state={tab}").text
    # While the server is down, those of users are shown.
    assert "eve@people.example" in administrator.get("/outbox?state=waiting").text
    with database.transaction() as session:
        service.delete_old_messages(session, clock.now() + timedelta(hours=2))
        assert session.scalars(select(Message.recipient)).all() == ["eve@people.example"]


@pytest.mark.one_database
def test_requests_that_expire_before_a_worker_looks_are_not_listed(
    administrator: Browser, stranger: Browser, database: Database
) -> None:
    stranger.submit("/forgot-password", email="nobody@people.example")
    with database.transaction() as session:
        claims.sweep(session, clock.now() + timedelta(days=1))
    assert "nobody@" not in administrator.get("/outbox").text
    assert "Expired: 1" not in administrator.get("/").text


def test_a_scheduled_message_is_tried_at_once_by_hand_and_home_still_says_why_others_wait(
    administrator: Browser,
    enqueue: Enqueue,
    deliver: Act,
    get_message: GetMessage,
    use_server: Callable[..., None],
) -> None:
    use_server()
    enqueue()
    deliver()
    scheduled = enqueue(not_before=clock.now() + timedelta(minutes=5))
    administrator.submit(f"/outbox/{scheduled}", "retry")
    assert "nothing is listening on this port" in administrator.get("/").text
    deliver()
    assert get_message(scheduled).attempts == 1


@pytest.mark.one_database
def test_home_says_why_mail_is_not_going_out_while_a_message_that_was_refused_is_retried(
    administrator: Browser,
    enqueue: Enqueue,
    deliver: Act,
    scripted: Callable[..., ScriptedServer],
    use_server: Callable[..., None],
) -> None:
    use_server(scripted({"RCPT": "550 5.1.1 No such user"}))
    refused = enqueue()
    deliver()
    use_server()
    enqueue()
    deliver()
    administrator.submit(f"/outbox/{refused}", "retry")
    assert "nothing is listening on this port" in administrator.get("/").text


@pytest.mark.one_database
def test_a_waiting_message_says_when_it_failed_and_when_it_is_tried_next(
    administrator: Browser, enqueue: Enqueue, deliver: Act, get_message: GetMessage, use_server: Callable[..., None]
) -> None:
    use_server()
    first, never_tried = enqueue(), enqueue(recipient="bob@people.example")
    deliver()
    for path, message_id in ((f"/outbox/{first}", first), (f"/outbox/{never_tried}", never_tried), ("/", first)):
        message = get_message(message_id)
        line = administrator.get(path).text.partition(">Failed: ")[2].partition("</p>")[0]
        for moment in (message.failed_at, message.next_attempt_at):
            assert moment is not None
            assert f"{moment:%H:%M:%S} UTC" in line


@pytest.mark.one_database
def test_a_waiting_message_can_be_canceled(
    administrator: Browser, enqueue: Enqueue, deliver: Act, get_message: GetMessage, inbox: Inbox
) -> None:
    message_id = enqueue("reset", not_before=clock.now() + timedelta(minutes=1))
    administrator.submit(f"/outbox/{message_id}", "cancel")
    assert get_message(message_id).state == MessageState.CANCELLED
    assert "An administrator canceled it." in administrator.get(f"/outbox/{message_id}").text
    assert "Nothing to cancel" in administrator.post(f"/outbox/{message_id}/cancel").text
    assert "Message canceled" in administrator.get("/audit").text


@pytest.mark.one_database
@pytest.mark.parametrize(
    "kind", ["activated", "password_changed", "lockout", "address_changed", "new_session", "admin_link_created"]
)
def test_nobody_can_cancel_what_warns_people(
    administrator: Browser, enqueue: Enqueue, get_message: GetMessage, kind: str
) -> None:
    message_id = enqueue(kind, not_before=clock.now() + timedelta(minutes=1))
    assert "Cancel this email" not in administrator.get(f"/outbox/{message_id}").text
    assert "Nothing to cancel" in administrator.post(f"/outbox/{message_id}/cancel").text
    assert get_message(message_id).state == MessageState.QUEUED


@pytest.mark.one_database
def test_an_uncertain_message_says_so_while_it_waits_and_afterwards(
    administrator: Browser,
    enqueue: Enqueue,
    deliver: Act,
    scripted: Callable[..., ScriptedServer],
    use_server: Callable[..., None],
    make_due: Act,
) -> None:
    use_server(scripted(drop_at="END"))
    message_id = enqueue()
    deliver()
    assert "One more copy is sent" in administrator.get(f"/outbox/{message_id}").text
    make_due()
    deliver()
    page = administrator.get(f"/outbox/{message_id}").text
    assert "Check whether it has arrived before you send it again." in page
    assert "eve@people.example" in administrator.get("/outbox?state=uncertain").text


@pytest.mark.one_database
def test_canceling_the_second_copy_leaves_the_message_uncertain(
    administrator: Browser,
    enqueue_reset: Callable[[], int],
    deliver: Act,
    scripted: Callable[..., ScriptedServer],
    use_server: Callable[..., None],
    get_message: GetMessage,
) -> None:
    use_server(scripted(drop_at="END"))
    message_id = enqueue_reset()
    deliver()
    administrator.submit(f"/outbox/{message_id}", "cancel")
    assert get_message(message_id).state == MessageState.UNCERTAIN
