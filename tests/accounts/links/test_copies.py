"""The copies of one message have the same link and code."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, update

from tests.conftest import Enqueue, GetMessage
from tests.support.scripted import ScriptedServer
from webapp.accounts.links import codes, derived
from webapp.accounts.links import service as links
from webapp.accounts.links.derived import WantedLink
from webapp.accounts.models import Link, LinkPurpose, User
from webapp.audit.models import AuditEntry
from webapp.core import clock
from webapp.core.database import Database
from webapp.core.sealing import KeySealer
from webapp.outbox import claims
from webapp.outbox.models import Attempt, Message, MessageState

Act = Callable[[], None]
Issue = Callable[..., codes.IssuedLink]
LATER = clock.now() + timedelta(hours=2)


@pytest.fixture
def issue_for(database: Database) -> Issue:
    """Issue the link of a message, with these keys."""

    def issue_for(
        user: User, identity: str = "1", keys: tuple[str, ...] = ("a key",), purpose: LinkPurpose = LinkPurpose.RESET
    ) -> codes.IssuedLink:
        with database.transaction() as session:
            (issued,) = derived.issue(session, KeySealer(keys), [WantedLink(identity, user.id, purpose, LATER)])
        assert isinstance(issued, codes.IssuedLink)
        return issued

    return issue_for


@pytest.fixture
def message_to_ada(enqueue: Enqueue, ada: User) -> int:
    """The id of a queued message with a reset link."""
    return enqueue("reset", ada.email, expires_at=LATER)


def parts(server: ScriptedServer) -> list[list[bytes]]:
    """Return the Message-ID, link and code of each email that the server got."""
    patterns = rb"(?m)^Message-ID: (\S+)", rb"(/reset-password/[\w-]+)", rb"(?m)^([0-9A-Z]{4}-[0-9A-Z]{4})\r$"
    found = [[re.search(pattern, message) for pattern in patterns] for message in server.messages]
    return [[one[1] for one in message if one] for message in found]


def test_the_second_copy_after_a_lost_reply_has_the_same_valid_link(
    message_to_ada: int,
    deliver: Act,
    scripted: Callable[..., ScriptedServer],
    use_server: Callable[..., None],
    database: Database,
) -> None:
    server = scripted(drop_at="END")
    use_server(server)
    for _copy in range(2):
        with database.transaction() as session:
            session.execute(update(Message).values(next_attempt_at=clock.now()))
        deliver()
    first, second = parts(server)
    assert (len(first), first) == (3, second)
    with database.read() as session:
        assert session.scalars(select(Link)).one().revoked_at is None
        assert len(session.scalars(select(AuditEntry).where(AuditEntry.event == "link.created")).all()) == 1


def test_a_copy_sent_after_a_crash_of_the_worker_has_the_same_link(
    message_to_ada: int,
    deliver: Act,
    scripted: Callable[..., ScriptedServer],
    use_server: Callable[..., None],
    database: Database,
) -> None:
    server = scripted()
    use_server(server)
    deliver()
    with database.transaction() as session:
        # As if the worker had died before it recorded anything.
        session.execute(delete(Attempt))
        session.execute(update(Message).values(state=MessageState.SENDING, lease_expires_at=clock.now()))
        claims.sweep(session, clock.now() + timedelta(seconds=1))
    deliver()
    first, second = parts(server)
    assert first == second


@pytest.mark.parametrize("ended", ["used", "revoked"])
def test_no_further_copy_is_sent_once_the_link_was_used_or_revoked(
    message_to_ada: int,
    ada: User,
    deliver: Act,
    scripted: Callable[..., ScriptedServer],
    use_server: Callable[..., None],
    database: Database,
    get_message: GetMessage,
    ended: str,
) -> None:
    server = scripted(drop_at="END")
    use_server(server)
    deliver()
    with database.transaction() as session:
        if ended == "used":
            links.use(session, parts(server)[0][1].decode().rpartition("/")[2], LinkPurpose.RESET)
        else:
            links.revoke(session, ada.id, LinkPurpose.RESET)
        session.execute(update(Message).values(next_attempt_at=clock.now()))
    deliver()
    found = get_message(message_to_ada)
    assert (found.state, found.failure_code, len(server.messages)) == (MessageState.CANCELLED, "link_ended", 1)


def test_the_link_stays_the_same_after_a_key_rotation(ada: User, issue_for: Issue) -> None:
    first = issue_for(ada, keys=("old",))
    second = issue_for(ada, keys=("new", "old"))
    assert (first.secret, first.code) == (second.secret, second.code)
    assert (first.is_new, second.is_new) == (True, False)


def test_each_message_user_key_and_purpose_has_a_link_of_its_own(ada: User, pat: User, issue_for: Issue) -> None:
    made = [
        issue_for(ada),
        issue_for(ada, identity="2"),
        issue_for(ada, keys=("other",)),
        issue_for(ada, purpose=LinkPurpose.CONFIRM_ADDRESS),
        issue_for(pat),
    ]
    assert len({one.secret for one in made}) == len({one.code for one in made}) == 5
    assert all(len(one.secret) == 43 for one in made)
