"""The check of a mail server: what it shows, how long it takes at most, and that it can be stopped."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from tests.mail.doctor.conftest import RECIPIENT, Check
from tests.support.certificates import Authority
from tests.support.grants import GrantOwner
from tests.support.inbox import Inbox
from tests.support.scripted import ScriptedServer
from tests.support.token_inbox import TokenInbox, running_token_inbox
from webapp.core.app_state import AppState
from webapp.core.deadlines import Deadline
from webapp.mail.doctor import service, trials
from webapp.mail.doctor.examination import Fix, Progress
from webapp.mail.doctor.service import examine
from webapp.mail.models import MailServer
from webapp.mail.transcript import Stage

pytestmark = pytest.mark.one_database


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Progress:
    """A check that has two seconds, in the proportions of a real one."""
    monkeypatch.setattr(service, "CONNECTING", 1.2)
    monkeypatch.setattr(trials, "TRIAL", 0.6)
    return Progress(Deadline(2))


def test_each_stage_says_what_it_found(check: Check, inbox: Inbox) -> None:
    found = check()
    notes = {one.stage: one.note for one in found.stages}
    assert list(notes) == [
        Stage.LOOKUP, Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.TLS, Stage.AUTH, Stage.MAIL, Stage.RCPT,
    ]  # fmt: skip
    assert (notes[Stage.LOOKUP], notes[Stage.AUTH]) == ("127.0.0.1", "PLAIN")
    assert notes[Stage.CONNECT].startswith("IPv4 ✓ ")
    assert "TLSv1" in notes[Stage.TLS]
    assert "AUTH" in notes[Stage.EHLO]
    assert all(note.startswith("2") for note in (notes[Stage.GREETING], notes[Stage.MAIL], notes[Stage.RCPT]))
    assert found.ok
    assert inbox.messages == []


def test_a_test_email_says_which_mail_server_sent_it(check: Check, inbox: Inbox, state: AppState) -> None:
    with state.database.transaction() as session:
        session.execute(update(MailServer).values(name="Shop"))
    check(sends=True)
    assert "It was sent via Shop." in inbox.last.text


@pytest.mark.parametrize(
    ("behaviour", "security"),
    [
        ({"stall_at": "TLS", "tls": "tls"}, "tls"),
        ({"drip": 0.1}, "none"),
        ({"stall_at": "AUTH"}, "none"),
        ({"stall_at": "END"}, "none"),
    ],
)
def test_a_check_ends_in_time_whatever_the_server_does(
    behaviour: dict[str, Any],
    security: str,
    check: Check,
    hurried: Progress,
    scripted: Callable[..., ScriptedServer],
) -> None:
    server, began = scripted(**behaviour), time.monotonic()
    found = check(hurried, sends=True, port=server.port, security=security, timeout=60)
    assert time.monotonic() - began < 15
    assert found.failure is not None
    assert "timeout" in (found.failure.code, found.failure.params.get("cause"))


def test_a_stopped_check_leaves_the_server_at_once(check: Check, scripted: Callable[..., ScriptedServer]) -> None:
    server, progress, began = scripted(stall_at="EHLO"), Progress(), time.monotonic()
    threading.Timer(0.3, progress.deadline.stop).start()
    found = check(progress, port=server.port, security="none", timeout=60)
    assert time.monotonic() - began < 15
    assert (found.failure and found.failure.code, found.attempts) == ("stopped", ())


@pytest.fixture
def token_inbox(authority: Authority, granted: GrantOwner) -> Iterator[TokenInbox]:
    """A mail server that accepts access tokens."""
    with running_token_inbox(authority, granted.provider) as inbox:
        yield inbox


def test_the_account_of_the_token_is_offered_as_user_name_and_keeps_the_token(
    granted: GrantOwner, token_inbox: TokenInbox, app: Flask
) -> None:
    where = {"host": token_inbox.host, "port": token_inbox.port, "security": token_inbox.security}
    with granted.state.database.transaction() as session:
        server = session.get_one(MailServer, granted.server.id)
        account, server.username = server.username, "alias@mailroom.example"
        for name, value in where.items():
            setattr(server, name, value)
    with app.app_context():
        found = examine(granted.entered(username="alias@mailroom.example", **where), granted.server, RECIPIENT, False)
        assert found.fix == Fix({"username": account}, verified=True)
        again = examine(granted.entered(username=account, **where), granted.server, RECIPIENT, False)
    assert again.failure is None
    notes = [one.note for one in found.stages if one.stage is Stage.TOKEN]
    assert all(note.startswith(account) and note.endswith(" UTC") for note in notes)
