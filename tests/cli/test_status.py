"""`mailroom status`."""

from collections.abc import Callable

import pytest

from tests.cli.conftest import Command
from tests.conftest import Enqueue
from tests.support.inbox import Inbox
from tests.support.scripted import ScriptedServer

pytestmark = pytest.mark.one_database


def test_the_exit_code_is_0_once_mail_goes_out(
    mailroom: Command, inbox: Inbox, enqueue: Enqueue, deliver: Callable[[], None]
) -> None:
    enqueue()
    deliver()
    result, state = mailroom("status"), mailroom.json("status")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "Mail is going out.")
    assert (state["flowing"], state["state"], state["waiting"], state["reason"]) == (True, "flowing", 0, None)


def test_it_tells_since_when_and_why_nothing_goes_out(
    mailroom: Command,
    scripted: Callable[..., ScriptedServer],
    use_server: Callable[..., None],
    enqueue: Enqueue,
    deliver: Callable[[], None],
) -> None:
    use_server(scripted({"MAIL": "451 4.3.0 Not \x1b[31mtoday"}))
    enqueue(recipient="one@people.example")
    enqueue(recipient="two@people.example")
    deliver()
    result, state = mailroom("status"), mailroom.json("status")
    assert (result.exit_code, state["flowing"], state["state"], state["waiting"]) == (1, False, "stopped", 2)
    assert state["since"].endswith("Z")
    assert state["cause"]["text"].startswith("451 4.3.0 Not")
    assert state["reason"] == state["diagnosis"]["cause"]
    assert "Not \ufffd[31mtoday" in result.stdout
    assert "Last 7 days" not in result.stdout


def test_an_installation_without_a_mail_server_says_so(mailroom: Command) -> None:
    assert mailroom("status").exit_code == 1
    assert mailroom.json("status")["reason"] == "No mail server is set up."
