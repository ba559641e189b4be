"""One email over a session, with and without pipelining."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask

from tests.mail.conftest import settings_for, with_password
from tests.support.scripted import ScriptedServer
from webapp.core import clock, i18n
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.mime import Email, WireEmail
from webapp.mail.redaction import Redactor
from webapp.mail.transcript import MAX_TEXT_LENGTH, Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.mail.transport.transaction import dot_stuffed

pytestmark = pytest.mark.one_database

Scripted = Callable[..., ScriptedServer]
Connect = Callable[[ScriptedServer], SmtpConnection]
SERVERS = pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "one by one"])


@pytest.fixture
def wire(message: Email) -> WireEmail:
    """The short message as bytes."""
    return message.to_wire({})


@pytest.fixture
def connect(app: Flask) -> Iterator[Connect]:
    """Connect to a server; the connection is closed in the end."""
    opened: list[SmtpConnection] = []

    def connect(server: ScriptedServer) -> SmtpConnection:
        opened.append(SmtpConnection(with_password(server, password="hunter2-hunter2", timeout=1)))
        return opened[-1].__enter__()

    with app.app_context():
        yield connect
    for connection in opened:
        connection.close()


def refusal(connection: SmtpConnection, wire: WireEmail) -> DeliveryError:
    """Send an email in vain."""
    with pytest.raises(DeliveryError) as caught:
        connection.deliver(wire)
    return caught.value


@pytest.mark.parametrize(
    ("pipelining", "said"),
    [
        (True, "→MAIL →RCPT →DATA ←250 ←250 ←354 ·message ←250"),
        (False, "→MAIL ←250 →RCPT ←250 →DATA ←354 ·message ←250"),
    ],
)
def test_the_envelope_goes_out_at_once_where_the_server_offers_it(
    pipelining: bool, said: str, scripted: Scripted, connect: Connect, wire: WireEmail
) -> None:
    server = scripted(pipelining=pipelining)
    connection = connect(server)
    connection.deliver(wire)
    words = [line.mark + line.text.split()[0] for line in connection.transcript.lines]
    assert " ".join(words).endswith(said)
    assert server.messages == [wire.content.replace(b"\r\n.", b"\r\n..")]


@SERVERS
@pytest.mark.parametrize(
    ("replies", "stage", "reply"),
    [
        ({"MAIL": "451 4.3.0 Not now", "RCPT": "503 5.5.1 MAIL first"}, Stage.MAIL, "451 4.3.0 Not now"),
        ({"RCPT": "550 5.1.1 User unknown"}, Stage.RCPT, "550 5.1.1 User unknown"),
        ({"DATA": "452 4.3.1 Disk full"}, Stage.DATA, "452 4.3.1 Disk full"),
    ],
)
def test_each_refusal_has_its_own_stage_and_reply(
    pipelining: bool,
    replies: dict[str, str],
    stage: Stage,
    reply: str,
    scripted: Scripted,
    connect: Connect,
    wire: WireEmail,
) -> None:
    server = scripted(replies, pipelining=pipelining)
    error = refusal(connect(server), wire)
    assert (error.stage, error.reply) == (stage, reply)
    assert [step.stage for step in error.transcript.stages if not step.passed] == [stage]
    assert server.messages == []


@SERVERS
@pytest.mark.parametrize("replies", [{}, {"DATA": "354 Go ahead"}], ids=["DATA refused", "DATA accepted"])
def test_after_a_refused_recipient_the_connection_takes_the_next_email(
    pipelining: bool, replies: dict[str, str], scripted: Scripted, connect: Connect, wire: WireEmail
) -> None:
    server = scripted({"RCPT": ["550 5.1.1 User unknown", "250 Ok"], **replies}, pipelining=pipelining)
    connection = connect(server)
    assert refusal(connection, wire).scope is Scope.RECIPIENT
    connection.deliver(wire)
    assert [content for content in server.messages if content] == [wire.content.replace(b"\r\n.", b"\r\n..")]
    assert server.commands.count("RSET") == server.connections == 1


@pytest.mark.parametrize("fault", ["stall_at", "drop_at"])
def test_a_server_that_breaks_off_after_a_refusal_does_not_hide_it(
    fault: str, scripted: Scripted, connect: Connect, wire: WireEmail
) -> None:
    connection = connect(scripted({"RCPT": "550 5.1.1 User unknown"}, **{fault: "DATA"}))
    assert refusal(connection, wire).reply == "550 5.1.1 User unknown"
    assert not connection.usable


@SERVERS
def test_content_that_is_asked_for_too_late_is_not_sent(
    pipelining: bool, scripted: Scripted, connect: Connect, wire: WireEmail
) -> None:
    server = scripted(pipelining=pipelining)
    connection = connect(server)
    with pytest.raises(DeliveryError, match="message_expired"):
        connection.deliver(wire, not_after=clock.now())
    assert not connection.usable
    assert connection.host is None
    connect(server).deliver(wire, not_after=clock.now() + timedelta(seconds=60))
    assert len(server.messages) == 1


def test_content_waits_until_the_server_asks_for_it(scripted: Scripted, connect: Connect, wire: WireEmail) -> None:
    server = scripted(stall_at="DATA")
    assert refusal(connect(server), wire).scope is Scope.SERVER
    assert server.received[-1] == "DATA"


def test_an_address_cannot_add_commands(scripted: Scripted, connect: Connect) -> None:
    server = scripted()
    wire = WireEmail("mailroom@example.org", "eve@example.org>\r\nRCPT TO:<mallory@example.org", "<1@x>", False, b"Hi")
    assert refusal(connect(server), wire).stage is Stage.MAIL
    assert "MAIL" not in server.commands


def test_the_transcript_is_that_of_one_email(scripted: Scripted, connect: Connect, wire: WireEmail) -> None:
    connection = connect(scripted({"RCPT": ["250 Ok", "550 5.1.1 User unknown"]}))
    connection.deliver(wire)
    assert "AUTH PLAIN" in connection.transcript.as_text()
    assert refusal(connection, wire).transcript.as_text().splitlines()[-5:] == [
        "← 250 2.1.0 Ok", "← 550 5.1.1 User unknown", "← 554 5.5.1 No valid recipients", "→ RSET", "← 250 2.0.0 Ok",
    ]  # fmt: skip
    assert "AUTH" not in connection.transcript.as_text()


@SERVERS
@pytest.mark.parametrize(
    ("point", "reply"),
    [
        ("RCPT", b"250 2.1.5 Ok\r\n250 2.1.5 Again\r\n"),
        ("DATA", b"354 Go ahead\r\n250 2.0.0 Ok: queued before it came\r\n"),
    ],
)
def test_a_reply_to_nothing_that_was_asked_is_taken_for_no_other(
    scripted: Scripted, connect: Connect, wire: WireEmail, point: str, reply: bytes, pipelining: bool
) -> None:
    server = scripted({point: reply}, pipelining=pipelining)
    connection = connect(server)
    error = refusal(connection, wire)
    assert (error.scope, error.code, connection.usable) == (Scope.SERVER, "out_of_step", False)
    # Not even an empty one, which ending what the server waits for would deliver.
    assert server.messages in ([], [b""])
    assert "RSET" not in server.commands


def test_a_reply_to_something_else_after_the_content_leaves_it_uncertain(
    scripted: Scripted, connect: Connect, wire: WireEmail
) -> None:
    error = refusal(connect(scripted({"END": "354 Go on"})), wire)
    assert error.scope is Scope.UNCERTAIN
    assert "replies don't fit the commands: '354 Go on'" in i18n.without_isolates(describe(error.failure))


def test_secrets_that_become_known_later_are_removed_too(scripted: Scripted, connect: Connect, wire: WireEmail) -> None:
    link = "https://mailroom.example/activate/Zm9vYmFy"
    error = refusal(connect(scripted({"END": f"550 5.7.1 Spam: {link} hunter2-hunter2"})), wire)
    error.redact(Redactor([link]))
    everything = f"{error.transcript.as_text()} {error.reply} {vars(error)}"
    assert "Spam" in everything
    assert "Zm9vYmFy" not in everything
    assert "hunter2" not in everything


def test_a_stored_transcript_is_bounded_and_keeps_the_end(
    scripted: Scripted, connect: Connect, wire: WireEmail
) -> None:
    reply = "\n".join([*(f"550-{'x' * 900}" for _ in range(100)), "550 the end"])
    text = refusal(connect(scripted({"END": reply})), wire).transcript.as_text()
    assert len(text) <= MAX_TEXT_LENGTH + 1
    assert "550 the end" in text


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        (b"a\r\n.b\r\n", b"a\r\n..b\r\n.\r\n"),
        (b".a", b"..a\r\n.\r\n"),
        (b"a\n\n.\rb", b"a\r\n\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n\r\n", b"a\r\n\r\n.\r\n"),
        (b"", b"\r\n.\r\n"),
    ],
)
def test_content_cannot_end_itself(content: bytes, sent: bytes) -> None:
    assert dot_stuffed(content) == sent


def test_a_line_that_starts_with_a_dot_arrives_intact(scripted: Scripted, connect: Connect, wire: WireEmail) -> None:
    server = scripted()
    connect(server).deliver(wire)
    assert b"\r\n..hidden dot\r\n" in server.messages[0]


def test_settings_without_authentication_send_too(app: Flask, scripted: Scripted, wire: WireEmail) -> None:
    server = scripted()
    with app.app_context(), SmtpConnection(settings_for(server)) as connection:
        assert connection.deliver(wire) == "250 2.0.0 Ok: queued as 4FZk5c"
    assert server.commands == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
