"""`mailroom outbox`."""

import csv
from collections.abc import Callable

import pytest

from tests.cli.conftest import Command
from tests.conftest import Enqueue, GetMessage
from tests.support.applications import add_application, submit
from tests.support.scripted import ScriptedServer
from webapp.core.app_state import AppState
from webapp.outbox.models import MessageState
from webapp.outbox.submissions.service import Handed

pytestmark = pytest.mark.one_database

REPLY = "550 5.1.1 No \x1b[2Jsuch\x9b5m user"


@pytest.fixture
def rejected(
    scripted: Callable[..., ScriptedServer],
    use_server: Callable[..., None],
    enqueue: Enqueue,
    deliver: Callable[[], None],
) -> int:
    """A message that the mail server refused, with a reply that a terminal would obey."""
    use_server(scripted({"RCPT": REPLY}))
    message_id = enqueue("test", "gone@people.example")
    deliver()
    return message_id


def test_the_list_is_newest_first_and_filtered_as_on_the_page(
    mailroom: Command, rejected: int, enqueue: Enqueue
) -> None:
    waiting = enqueue()
    assert [message["id"] for message in mailroom.json("outbox", "list")] == [waiting, rejected]
    assert [message["id"] for message in mailroom.json("outbox", "list", "--state", "failed")] == [rejected]
    assert mailroom.json("outbox", "list", "--address", "@nobody.example") == []


def test_a_list_for_people_ends_after_50_unless_they_want_more(mailroom: Command, enqueue: Enqueue) -> None:
    for _ in range(51):
        enqueue()
    short = mailroom("outbox", "list")
    assert (len(short.stdout.splitlines()), "--limit 0 shows all" in short.stderr) == (51, True)
    everything = mailroom("outbox", "list", "--limit", "0")
    assert (len(everything.stdout.splitlines()), everything.stderr) == (52, "")


def test_a_message_is_shown_with_its_attempts_and_the_servers_words(mailroom: Command, rejected: int) -> None:
    shown, text = mailroom.json("outbox", "show", str(rejected)), mailroom("outbox", "show", str(rejected)).stdout
    (attempt,) = shown["attempts"]
    assert (shown["state"], shown["failure"]["stage"], attempt["result"]) == ("failed", "rcpt", "failed")
    assert attempt["reply"].startswith("550 5.1.1 No ")
    assert shown["diagnosis"]["cause"] in text
    assert "550 5.1.1 No" in text
    assert all(character.isprintable() or character == "\n" for character in text)


def test_a_message_of_an_application_is_shown_with_its_subject(mailroom: Command, state: AppState) -> None:
    content = b"From: orders@shop.example\r\nSubject: Order =?utf-8?q?7=E2=80=AE?=\r\n\r\nThank you.\r\n"
    email = Handed("orders@shop.example", ["ada@people.example", "bob@people.example"], content)
    shop = add_application(state.database)
    with state.database.transaction() as session:
        submit(session, state.sealer, shop, email)
    shown, text = mailroom.json("outbox", "show", "1"), mailroom("outbox", "show", "1").stdout
    assert (shown["application"], shown["email"]["subject"][:7], shown["email"]["recipients"]) == ("Shop", "Order 7", 2)
    assert "Order 7" in text
    assert "\u202e" not in text
    assert len(mailroom.json("outbox", "list", "--application", "Shop")) == 2


def test_messages_are_retried_by_id_or_all_that_a_filter_shows(
    mailroom: Command, rejected: int, get_message: GetMessage
) -> None:
    assert mailroom.json("outbox", "retry", "--all", "--address", "@other.example") == {"retried": 0}
    assert mailroom.json("outbox", "retry", str(rejected)) == {"retried": 1}
    assert get_message(rejected).state == MessageState.QUEUED
    mailroom("outbox", "cancel", str(rejected))
    again = mailroom("outbox", "retry", str(rejected))
    assert (again.exit_code, "Nothing to retry" in again.stderr) == (1, True)


def test_all_are_canceled_only_after_a_question(mailroom: Command, enqueue: Enqueue, get_message: GetMessage) -> None:
    message_id = enqueue("test")
    assert mailroom("outbox", "cancel", "--all", stdin="n\n").exit_code == 1
    assert get_message(message_id).state == MessageState.QUEUED
    assert mailroom.json("outbox", "cancel", "--all", "--yes") == {"canceled": 1}
    assert get_message(message_id).state == MessageState.CANCELLED


def test_a_filter_never_narrows_what_was_named_by_id(mailroom: Command, rejected: int) -> None:
    for arguments in ((), (str(rejected), "--all"), (str(rejected), "--kind", "test")):
        assert mailroom("outbox", "retry", *arguments).exit_code == 2


def test_the_export_is_that_of_the_page(mailroom: Command, rejected: int) -> None:
    (row,) = csv.DictReader(mailroom("outbox", "export", "--state", "failed").stdout.splitlines())
    assert (row["id"], row["recipient"]) == (str(rejected), "gone@people.example")


def test_errors_are_json_as_well(mailroom: Command) -> None:
    assert mailroom.json("outbox", "show", "77") == {"error": "There is no message 77."}
    assert "--until: " in mailroom.json("outbox", "list", "--until", "soon")["error"]
    assert "No such option" in mailroom.json("outbox", "list", "--colour")["error"]
