"""`mailroom webhooks`."""

from collections.abc import Iterator

import pytest

from tests.cli.conftest import Command
from tests.support.receiver import Receiver, running_receiver

pytestmark = pytest.mark.one_database


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that works."""
    with running_receiver() as receiver:
        yield receiver


def test_a_webhook_is_created_and_tested(mailroom: Command, receiver: Receiver) -> None:
    added = mailroom.json("webhooks", "add", "Pager", "-", "--event", "mail_server.stopped", stdin=f"{receiver.url}\n")
    assert (added["events"], added["application"], added["secret"][:6]) == (["mail_server.stopped"], None, "whsec_")
    assert mailroom.json("webhooks", "test", "Pager") == {"ok": True, "status": 204, "error": None}
    assert receiver.received[0].is_signed_with(added["secret"])
    receiver.answers.append(500)
    refused = mailroom("webhooks", "test", "Pager")
    assert (refused.exit_code, "status 500" in refused.stdout) == (1, True)


def test_a_webhook_keeps_what_is_not_changed(mailroom: Command, receiver: Receiver) -> None:
    mailroom("webhooks", "add", "Pager", receiver.url, "--event", "mail_server.stopped")
    mailroom("webhooks", "change", "Pager", "--new-name", "Team")
    mailroom("webhooks", "disable", "Team")
    (webhook,) = mailroom.json("webhooks", "list")
    assert (webhook["name"], webhook["events"], bool(webhook["disabled_at"])) == ("Team", ["mail_server.stopped"], True)
    assert mailroom.json("webhooks", "change", "Team", "--all-events")["events"] == []
    assert mailroom.json("webhooks", "enable", "Team")["disabled_at"] is None
    assert mailroom("webhooks", "delete", "Team", "--yes").exit_code == 0
    assert mailroom.json("webhooks", "list") == []


def test_a_webhook_of_one_application_can_become_one_of_all(mailroom: Command, receiver: Receiver) -> None:
    identifier = mailroom.json("applications", "add", "Shop")["identifier"]
    assert (
        mailroom.json("webhooks", "add", "Orders", receiver.url, "--application", identifier)["application"] == "Shop"
    )
    assert mailroom.json("webhooks", "change", "Orders", "--new-name", "All")["application"] == "Shop"
    assert mailroom.json("webhooks", "change", "All", "--all-applications")["application"] is None


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("Pager", "http://elsewhere.example/x"), "URL: Enter a full URL"),
        (("Pager", "https://hooks.example/x", "--event", "nothing.happens"), "There are: mail_server.ended, "),
        (("Pager", "https://hooks.example/x", "--application", "Shop"), "There is no application named Shop."),
        (("", "https://hooks.example/x"), "NAME: Enter a name."),
    ],
)
def test_what_the_page_refuses_is_refused(mailroom: Command, arguments: tuple[str, ...], problem: str) -> None:
    assert problem in mailroom.json("webhooks", "add", *arguments)["error"]
    assert mailroom.json("webhooks", "list") == []
