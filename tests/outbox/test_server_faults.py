"""A mail server that refuses, stalls or hangs up in the middle of many messages: each ends as it should, once."""

import re
from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from sqlalchemy import select

from tests.conftest import Enqueue
from tests.support.scripted import DEFAULTS, ScriptedServer
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.outbox.models import Message, MessageState

Act = Callable[[], None]
BOB = "bob@people.example"
# Bob's message is neither the first nor the last of a batch.
PEOPLE = [f"{number}@people.example" for number in range(6)]
EVERYBODY = [*PEOPLE[:4], BOB, *PEOPLE[4:]]
SESSION_POINTS, MESSAGE_POINTS = ("GREETING", "EHLO", "AUTH"), ("RCPT", "DATA", "END")
BREAKS = ("stall_at", "drop_at")
SENT = MessageState.SENT

pytestmark = pytest.mark.one_database


@pytest.fixture
def states(database: Database, enqueue: Enqueue) -> Callable[[], dict[str, str]]:
    """Queue a message to everybody; read in which state each is."""
    for recipient in EVERYBODY:
        enqueue(recipient=recipient)

    def read_states() -> dict[str, str]:
        with database.read() as session:
            found = session.execute(select(Message.recipient, Message.state))
            return {one.recipient: one.state for one in found}

    return read_states


@pytest.fixture
def use_broken(
    scripted: Callable[..., ScriptedServer], use_server: Callable[..., None], state: AppState
) -> Callable[..., Any]:
    """Save a server with these faults and a password, which isn't waited for long."""
    sealed = {"sealed": state.sealer.seal("a password", "mail_server.password"), "saved_at": "2026-11-22"}
    signs_in = {"authentication": "password", "username": "mailroom", "sealed_secrets": {"password": sealed}}

    def use_broken(*given: Any, **faults: Any) -> ScriptedServer:
        server = scripted(*given, **faults)
        use_server(server, timeout=1, **signs_in)
        return server

    return use_broken


def copies(*servers: ScriptedServer) -> Counter[str]:
    """Count the messages that each person was sent."""
    contents = b"".join(message for server in servers for message in server.messages).decode()
    return Counter(re.findall(r"^To: .*?(\w+@people\.example)", contents, re.MULTILINE))


@pytest.mark.parametrize(("point", "fault"), [*product(SESSION_POINTS, BREAKS)])
def test_all_wait_while_it_lets_nobody_in_and_are_sent_once_it_does(
    states: Callable[[], dict[str, str]], use_broken: Any, deliver: Act, make_due: Act, point: str, fault: str
) -> None:
    broken = use_broken(**{fault: point})
    deliver()
    assert (set(states().values()), broken.connections) == ({MessageState.QUEUED}, 1)
    working = use_broken()
    make_due()
    deliver()
    assert set(states().values()) == {SENT}
    assert copies(working) == Counter(EVERYBODY)


@pytest.mark.parametrize(
    ("point", "fault", "pipelining"), [*product(MESSAGE_POINTS, BREAKS, [True]), (MESSAGE_POINTS[0], "drop_at", False)]
)
def test_one_waits_with_which_it_breaks_off_and_the_others_are_sent(
    states: Callable[[], dict[str, str]],
    use_broken: Any,
    deliver: Act,
    make_due: Act,
    point: str,
    fault: str,
    pipelining: bool,
) -> None:
    broken = use_broken(**{fault: point}, only_for=BOB, pipelining=pipelining)
    deliver()
    assert states() == dict.fromkeys(PEOPLE, SENT) | {BOB: MessageState.QUEUED}
    working = use_broken()
    make_due()
    deliver()
    assert states()[BOB] == SENT
    # Where the reply to the message is missing, it may have arrived already.
    assert copies(broken, working) == Counter(EVERYBODY) + Counter([BOB] if point == "END" else [])


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("point", ["MAIL", *MESSAGE_POINTS])
def test_what_it_refuses_ends_as_the_reply_says_and_the_others_are_sent(
    states: Callable[[], dict[str, str]], use_broken: Any, deliver: Act, make_due: Act, point: str, pipelining: bool
) -> None:
    usual = DEFAULTS[point]
    # The first is replied to before a connection that is replaced, the others before another message.
    closing, later, never = EVERYBODY[1:4]
    refusals = ["421 Closing", usual, "451 Later", "550 Never"] if point != "MAIL" else ["421 Closing"]
    server = use_broken({point: [usual, *refusals, usual]}, pipelining=pipelining)
    deliver()
    refused = {later: MessageState.QUEUED, never: MessageState.FAILED} if point != "MAIL" else {}
    assert states() == dict.fromkeys(EVERYBODY, SENT) | refused
    make_due()
    deliver()
    failed = {never: MessageState.FAILED} if point != "MAIL" else {}
    assert states() == dict.fromkeys(EVERYBODY, SENT) | failed
    # At the end of a message the server has got what it refuses.
    got = Counter([closing, later, never]) if point == "END" else Counter()
    assert copies(server) == Counter(set(EVERYBODY) - set(failed)) + got


@pytest.mark.parametrize("pipelining", [True, False])
def test_all_are_sent_once_when_it_hangs_up_after_each(
    states: Callable[[], dict[str, str]], use_broken: Any, deliver: Act, pipelining: bool
) -> None:
    server = use_broken({"END": "250 Ok"}, drop_at="MAIL", only_for="people", pipelining=pipelining)
    deliver()
    assert set(states().values()) == {SENT}
    assert (copies(server), server.connections) == (Counter(EVERYBODY), len(EVERYBODY))
