"""The pages: the outbox, one message, Home."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.conftest import Look, Owe
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from tests.support.people import add_person
from webapp import clock
from webapp.context import Parts
from webapp.database import Database
from webapp.outbox.models import Message, State
from webapp.settings import service as settings

Act = Callable[[], None]


@pytest.mark.one_database
def test_an_empty_outbox_says_what_will_appear(administrator: Browser) -> None:
    assert "Nothing has been owed yet" in administrator.get("/outbox").text


def test_the_list_is_narrowed_to_a_state(administrator: Browser, owe: Owe, inbox: Inbox, deliver: Act) -> None:
    owe(recipient="sent@people.example")
    deliver()
    owe(recipient="waiting@people.example")
    assert "sent@people.example" not in administrator.get("/outbox?state=waiting").text
    assert "sent@people.example" in administrator.get("/outbox?state=sent").text
    assert "waiting@people.example" in administrator.get("/outbox?state=nonsense").text


def test_older_messages_are_a_page_away(administrator: Browser, owe: Owe) -> None:
    for number in range(52):
        owe(recipient=f"number{number}@people.example")
    newest = administrator.get("/outbox").text
    assert "number51@" in newest
    assert "number1@" not in newest
    older = administrator.get("/outbox?before=3").text
    assert "number1@" in older
    assert "number2@" not in older


@pytest.mark.parametrize("path", ["/outbox/0", "/outbox/4", f"/outbox/{10**30}"])
def test_a_message_that_is_not_there_is_not_found(administrator: Browser, path: str) -> None:
    assert administrator.get(path).status_code == 404


@pytest.mark.parametrize("before", ["-1", "x", str(10**30), str(-(10**30)), ""])
def test_any_page_address_gets_a_page(administrator: Browser, before: str) -> None:
    assert administrator.get(f"/outbox?before={before}").status_code == 200


def test_a_message_shows_the_servers_words_and_is_tried_again(
    administrator: Browser, owe: Owe, inbox: Inbox, deliver: Act, look: Look
) -> None:
    inbox.refusals.append("451 4.7.1 <b>Greylisted</b>")
    message_id = owe()
    deliver()
    assert "451 4.7.1 &lt;b&gt;Greylisted" in administrator.get(f"/outbox/{message_id}").text
    administrator.submit(f"/outbox/{message_id}", "retry")
    deliver()
    assert look(message_id).state == State.SENT


def test_a_failed_message_can_be_tried_again(
    administrator: Browser, owe: Owe, inbox: Inbox, deliver: Act, look: Look
) -> None:
    inbox.refusals.append("554 5.6.0 No such content here")
    message_id = owe()
    deliver()
    assert look(message_id).state == State.FAILED
    administrator.submit(f"/outbox/{message_id}", "retry")
    deliver()
    assert (look(message_id).state, len(inbox.messages)) == (State.SENT, 1)


def test_what_was_sent_is_not_sent_twice(administrator: Browser, owe: Owe, inbox: Inbox, deliver: Act) -> None:
    message_id = owe()
    deliver()
    assert "There is nothing to try again" in administrator.post(f"/outbox/{message_id}/retry").text
    deliver()
    assert len(inbox.messages) == 1


@pytest.mark.one_database
def test_an_expired_activation_leads_to_a_new_one(administrator: Browser, owe: Owe, pending: int, deliver: Act) -> None:
    message_id = owe("activation", user_id=pending, expires_at=clock.now())
    deliver()
    page = administrator.get(f"/outbox/{message_id}").text
    assert f'href="/users/{pending}"' in page
    assert "Try again now" not in page


@pytest.mark.one_database
def test_home_tells_a_member_who_they_are_and_nothing_else(member: Browser) -> None:
    page = member.get("/").text
    assert "You are signed in as Max" in page
    assert "To do first" not in page


def test_home_says_what_a_new_installation_needs(administrator: Browser, parts: Parts, inbox: Inbox) -> None:
    with parts.database.writing() as session:
        settings.save(session, "", "Mailroom", "")
    page = administrator.get("/").text
    assert '<a href="/settings/general">Set the public address</a>' in page
    assert '<a href="/users/new">Create the first user</a>' in page
    assert '<a href="/settings/mail">Set the mail server</a>' not in page


def test_home_says_that_mail_flows(
    administrator: Browser, owe: Owe, inbox: Inbox, deliver: Act, database: Database
) -> None:
    add_person(database, "eve@people.example")
    owe()
    deliver()
    page = administrator.get("/").text
    assert "Mail is flowing" in page
    assert "To do first" not in page


def test_home_says_since_when_and_why_mail_does_not_flow(
    administrator: Browser, owe: Owe, inbox: Inbox, deliver: Act, database: Database
) -> None:
    inbox.password = "another one"
    message_id = owe()
    with database.writing() as session:
        session.get_one(Message, message_id).created_at = clock.now().replace(minute=7) - timedelta(days=1)
    deliver()
    page = administrator.get("/").text
    assert "Mail is not flowing" in page
    assert ":07 UTC" in page
    assert "The server does not accept the user name with this password" in page
    assert "535" in page
