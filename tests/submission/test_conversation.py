"""What a well-behaved client says, and what becomes of its email."""

import base64
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.submission.conftest import Connect
from tests.support.applications import IDENTIFIER, SECRET, add_application
from tests.support.certificates import HomemadeAuthority
from tests.support.inbox import Inbox
from tests.support.running import until
from tests.support.submission import EMAIL, Wire, running_submission
from webapp.applications import service as applications
from webapp.applications.models import Application
from webapp.applications.usage import refusals
from webapp.core import clock
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.submission import limits
from webapp.submission.unanswered import FILE

Accepted = Callable[[], list[tuple[str, list[str], bytes]]]


def test_an_email_reaches_everybody_in_its_envelope_and_nobody_sees_bcc(
    client: Wire, inbox: Inbox, deliver: Callable[[], None]
) -> None:
    content = EMAIL.replace(b"To: ", b"Bcc: eve@people.example\r\nTo: ") + b"..a dot\r\n"
    assert client.send(content, "ada@people.example", "eve@people.example").startswith("250 2.0.0 Accepted as msg_")
    deliver()
    assert sorted(one.rcpt_to[0] for one in inbox.messages) == ["ada@people.example", "eve@people.example"]
    for one in inbox.messages:
        assert (one.mail_from, one["Bcc"]) == ("orders@shop.example", None)
        assert one.get_content() == "Thank you.\r\n.a dot\r\n"


@pytest.mark.one_database
def test_the_content_is_kept_byte_for_byte_below_what_is_added(client: Wire, accepted: Accepted) -> None:
    odd = b"subject:  two  spaces \r\nFrom: <orders@shop.example>\r\nX-Odd:\ta\r\n\tb\r\n\r\n \xff\xfe\r\n\r\n"
    client.send(odd)
    content = accepted()[0][2]
    assert content.endswith(odd)
    added = content.removesuffix(odd).decode()
    assert added.startswith(f"Received: from {IDENTIFIER} (application)\r\n\tby mailroom.example with ESMTPA; ")
    assert "\r\nDate: " in added
    assert "\r\nMessage-ID: <" in added
    assert "127.0.0.1" not in added
    assert "client.example" not in added


@pytest.mark.one_database
def test_clients_learn_what_they_may_use(connect: Connect) -> None:
    extensions = connect().say("EHLO client.example").split("\n")
    assert extensions == [
        "250-mailroom.example", "250-PIPELINING", "250-SIZE 1000000", "250-8BITMIME", "250-SMTPUTF8",
        "250-ENHANCEDSTATUSCODES", "250 AUTH PLAIN LOGIN",
    ]  # fmt: skip


@pytest.mark.one_database
def test_every_way_to_authenticate_works_and_none_is_logged(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    user, secret = (base64.b64encode(one.encode()).decode() for one in (IDENTIFIER, SECRET))
    plain = base64.b64encode(f"\0{IDENTIFIER}\0{SECRET}".encode()).decode()
    for lines in (
        [f"AUTH PLAIN {plain}"],
        ["AUTH PLAIN", plain],
        ["AUTH LOGIN", user, secret],
        [f"AUTH LOGIN {user}", secret],
        [f"auth login {user}", secret],
    ):
        wire = connect()
        wire.say("EHLO client.example")
        assert wire.say(*lines) == "235 2.7.0 Authenticated"
    assert wire.say(f"AUTH PLAIN {plain}").startswith("503 5.5.1")
    assert not [one for one in (plain, secret, SECRET) if one in caplog.text]


@pytest.mark.one_database
def test_arguments_are_refused_precisely(client: Wire) -> None:
    for line, reply in (
        ("MAIL orders@shop.example", "501 5.5.4 Write MAIL FROM:<address>"),
        ("MAIL FROM:<orders>", "553 5.1.7"),
        ("MAIL FROM:<orders@shop.example> SIZE=1000001", "552 5.3.4 The email is too big; at most 1000000"),
        ("MAIL FROM:<orders@shop.example> SIZE=x", "501 5.5.4 SIZE"),
        ("MAIL FROM:<orders@shop.example> BODY=BINARYMIME", "501 5.5.4 BODY"),
        ("MAIL FROM:<orders@shop.example> RET=HDRS", "555 5.5.4 The parameter RET is not supported"),
        ("MAIL FROM: orders@shop.example BODY=8bitmime SMTPUTF8 SIZE=10 AUTH=<>", "250 2.1.0"),
        ("MAIL FROM:<orders@shop.example>", "503 5.5.1"),
        ("RCPT TO:<root>", "553 5.1.3"),
        ("RCPT TO:<a@b.example> NOTIFY=NEVER", "555 5.5.4 The parameter NOTIFY"),
        ("RCPT TO:<zoë@people.example>", "250 2.1.5"),
        ("RSET", "250 2.0.0 OK"),
        ("VRFY ada@people.example", "252 2.5.0"),
        ("EXPN all", "502 5.5.1"),
        ("HELP", "214 2.0.0"),
        ("NONSENSE", "500 5.5.1 There is no such command"),
    ):
        assert client.say(line).startswith(reply), line


@pytest.mark.one_database
def test_too_much_content_is_refused_and_the_next_email_isnt(client: Wire, accepted: Accepted) -> None:
    assert client.send(EMAIL + (b"x" * 70 + b"\r\n") * 20_000).startswith("552 5.3.4")
    assert client.send().startswith("250")
    assert len(accepted()) == 1


def test_the_hourly_limit_says_how_many_still_fit(connect: Connect, shop: Application, database: Database) -> None:
    with database.transaction() as session:
        session.get_one(Application, shop.id).messages_per_hour = 3
    client = connect().authenticate()
    assert client.send(EMAIL, "a@people.example", "b@people.example").startswith("250")
    reply = client.send(EMAIL, "c@people.example", "d@people.example")
    assert reply.startswith("452 4.7.1 1 of 3 recipients an hour are left; try again in")
    assert client.send(EMAIL, "c@people.example").startswith("250")
    # More than fit into an hour at all: trying again would be for nothing.
    reply = client.send(EMAIL, *(f"{n}@people.example" for n in range(4)))
    assert reply == "550 5.7.1 This application may send to 3 recipients an hour; send to fewer"


def test_refusals_are_counted_by_reason(app: Flask, shop: Application, database: Database) -> None:
    with running_submission(app) as (port,):
        client = Wire(port).authenticate()
        client.say("MAIL FROM:<ceo@bank.example>", "MAIL FROM:<x>")
        client.close()
    with database.read() as session:
        assert refusals(session, shop) == {"address": 1, "sender": 1}


@pytest.mark.one_database
def test_a_disabled_application_is_refused_on_an_open_connection(
    client: Wire, shop: Application, database: Database
) -> None:
    with database.transaction() as session:
        session.get_one(Application, shop.id).disabled_at = clock.now()
    assert client.send() == "550 5.7.13 This application is disabled"


def test_an_application_that_is_deleted_at_this_moment_is_refused(
    client: Wire, shop: Application, database: Database
) -> None:
    assert client.envelope().startswith("354")
    with database.transaction() as session:
        applications.delete(session, shop.id)
        session.flush()
        client.write(EMAIL + b".\r\n")
        # The server waits for this transaction.
        time.sleep(0.5)
    assert client.reply() == "550 5.7.13 This application is disabled"


@pytest.mark.one_database
def test_a_secret_that_has_ended_is_refused_on_an_open_connection(
    connect: Connect, shop: Application, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LET_IN", 0)
    client = connect().authenticate()
    assert client.send().startswith("250")
    with database.transaction() as session:
        applications.rotate(session, shop.id, timedelta(0))
    assert client.say("MAIL FROM:<orders@shop.example>").startswith("535 5.7.8")


@pytest.mark.one_database
def test_an_expired_secret_is_wrong(connect: Connect, shop: Application, database: Database) -> None:
    with database.transaction() as session:
        session.get_one(Application, shop.id).secrets[0].expires_at = clock.now() - timedelta(seconds=1)
    wire = connect()
    wire.say("EHLO client.example")
    assert wire.say("AUTH PLAIN " + base64.b64encode(f"\0{IDENTIFIER}\0{SECRET}".encode()).decode()).startswith("535")


@pytest.mark.one_database
def test_the_secret_alone_is_not_enough(connect: Connect) -> None:
    wire = connect()
    wire.say("EHLO client.example")
    assert wire.say("AUTH PLAIN " + base64.b64encode(f"\0\0{SECRET}".encode()).decode()).startswith("535 5.7.8")


@pytest.mark.one_database
def test_a_trusted_network_needs_no_secret(app: Flask, database: Database, accepted: Accepted) -> None:
    add_application(database, "Printer", networks=["127.0.0.0/8"], trusts_networks=True)
    with running_submission(app) as (port,), smtplib.SMTP("127.0.0.1", port, "printer") as smtp:
        smtp.sendmail("scan@shop.example", ["ada@people.example"], EMAIL)
    assert accepted()[0][1] == ["ada@people.example"]


@pytest.mark.one_database
def test_passwords_are_not_taken_in_the_clear_from_elsewhere(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = connect()
    monkeypatch.setattr(limits, "is_loopback", lambda _address: False)
    assert "AUTH" not in wire.say("EHLO client.example")
    assert wire.say("AUTH PLAIN").startswith("538 5.7.11 Mailroom has no TLS certificate here")
    assert wire.say("MAIL FROM:<orders@shop.example>").startswith("530 5.7.0")


@pytest.mark.one_database
def test_only_so_many_connections_are_taken_from_an_address(
    port: int, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_CONNECTIONS", 2)
    first, _second = connect(), connect()
    assert connect().greeting == "421 4.7.0 Too many connections; try again later"
    first.say("QUIT")
    assert first.reply() == ""
    assert connect().greeting.startswith("220")


@pytest.mark.one_database
class TestTls:
    """With a certificate, on a port with STARTTLS and one that begins with TLS."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A folder with a certificate."""
        HomemadeAuthority(tmp_path, "")
        return tmp_path

    @pytest.fixture
    def config_values(self, folder: Path) -> dict[str, Any]:
        """Both kinds of addresses."""
        return {
            "submission": "127.0.0.1:2525, smtps://127.0.0.1:2465",
            "submission_certificate": str(folder / "server.crt"),
            "submission_key": str(folder / "server.key"),
        }

    @pytest.fixture
    def trust(self, folder: Path) -> ssl.SSLContext:
        """What a client trusts."""
        return ssl.create_default_context(cafile=folder / "ca.crt")

    def test_emails_come_in_encrypted(
        self, app: Flask, shop: Application, trust: ssl.SSLContext, accepted: Accepted
    ) -> None:
        with running_submission(app, 2) as (starttls, implicit):
            with smtplib.SMTP("localhost", starttls, "x") as smtp:
                smtp.starttls(context=trust)
                smtp.login(IDENTIFIER, SECRET)
                smtp.sendmail("a@shop.example", ["ada@people.example"], EMAIL)
            with smtplib.SMTP_SSL("localhost", implicit, "x", context=trust) as smtp:
                smtp.login(IDENTIFIER, SECRET)
                smtp.sendmail("a@shop.example", ["ada@people.example"], EMAIL)
        assert [b" with ESMTPSA; " in content for _, _, content in accepted()] == [True, True]

    def test_what_comes_with_starttls_is_not_run_after_it(
        self, app: Flask, shop: Application, trust: ssl.SSLContext
    ) -> None:
        with running_submission(app, 2) as (port, _):
            wire = Wire(port)
            wire.say("EHLO client.example")
            wire.write(b"STARTTLS\r\nMAIL FROM:<orders@shop.example>\r\n")
            assert wire.reply().startswith("521 5.5.1 Wait for the reply to DATA or STARTTLS")
            assert wire.reply() == ""
            wire.close()
            wire = Wire(port)
            assert wire.say("EHLO client.example", "STARTTLS") == "220 2.0.0 Ready to start TLS"
            wire.start_tls(trust)
            assert wire.say("MAIL FROM:<orders@shop.example>") == "503 5.5.1 EHLO comes first"
            wire.close()

    def test_handshakes_that_nobody_finishes_count_as_connections(
        self, app: Flask, shop: Application, trust: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "MAX_CONNECTIONS", 2)
        with running_submission(app, 2) as (_, port):
            for _attempt in range(2):
                with ExitStack() as stack:
                    for _waiting in range(2):
                        stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
                    third = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
                    # Reset or closed, whichever the client sees first.
                    with pytest.raises(OSError, match=r"reset|EOF|closed"):
                        trust.wrap_socket(third, server_hostname="localhost")
                until(lambda: self._answers(port, trust), 10)

    def _answers(self, port: int, trust: ssl.SSLContext) -> bool:
        try:
            with smtplib.SMTP_SSL("localhost", port, "x", timeout=10, context=trust) as smtp:
                return smtp.noop()[0] == 250
        except OSError:
            return False

    def test_a_new_certificate_is_used_and_a_broken_one_isnt(
        self, app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("webapp.submission.server.CERTIFICATE_CHECK", 0.05)
        with running_submission(app, 2) as (_, port):
            (folder / "server.crt").write_text("broken")
            assert ssl.get_server_certificate(("127.0.0.1", port)).startswith("-----BEGIN")
            HomemadeAuthority(folder, "")
            new = (folder / "server.crt").read_text()
            for _attempt in range(100):
                if ssl.get_server_certificate(("127.0.0.1", port)) == new:
                    return
        pytest.fail("the former certificate is still in use")


def test_clients_are_told_to_come_again_while_the_database_is_away(client: Wire, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE submissions RENAME TO elsewhere")
        connection.exec_driver_sql("ALTER TABLE applications RENAME TO elsewhere_too")
    assert client.send() == "451 4.3.0 Mailroom can't store email at the moment; try again later"
    wire = Wire(client.socket.getpeername()[1])
    wire.say("EHLO client.example")
    assert wire.say("AUTH PLAIN AGFwcF9zaG9wAHdyb25n").startswith("451 4.3.0")
    wire.close()
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO submissions")
        connection.exec_driver_sql("ALTER TABLE elsewhere_too RENAME TO applications")
    assert client.send().startswith("250")


@pytest.mark.one_database
def test_an_email_on_its_way_is_stored_when_the_server_stops(app: Flask, shop: Application, accepted: Accepted) -> None:
    with running_submission(app) as (port,):
        idle, sending = Wire(port).authenticate(), Wire(port).authenticate()
        assert sending.envelope().startswith("354")
        stopping = threading.Timer(0.3, lambda: sending.write(EMAIL + b".\r\n"))
        stopping.start()
    assert idle.reply() == "421 4.3.2 Mailroom is stopping; try again in a moment"
    assert sending.reply().startswith("250")
    assert len(accepted()) == 1
    idle.close()
    sending.close()


@pytest.mark.one_database
def test_an_email_whose_reply_was_lost_is_recognized_once_when_it_comes_again(
    app: Flask, shop: Application, config: Config, accepted: Accepted
) -> None:
    file = config.instance / FILE

    def hand_in(*contents: bytes) -> list[str]:
        with running_submission(app) as (port,):
            client = Wire(port).authenticate()
            replies = [client.send(content) for content in contents]
            client.close()
            remembered.append(file.read_bytes())
        return replies

    remembered: list[bytes] = []
    (first,) = hand_in(EMAIL)
    # As a server leaves it that is killed before it replies.
    file.write_bytes(remembered[0])
    other, again, another = hand_in(EMAIL.replace(b"Thank you", b"Thank him"), EMAIL, EMAIL)
    assert again == first
    assert len({first, other, another}) == len(accepted()) == 3
