"""The scripted mail servers of the tests behave as scripted."""

import base64
import smtplib
import ssl
from collections.abc import Callable

import pytest

from tests.support.scripted import ScriptedServer

Scripted = Callable[..., ScriptedServer]


def encrypted(server: ScriptedServer) -> smtplib.SMTP:
    client = smtplib.SMTP(server.host, server.port, timeout=5)
    client.starttls(context=ssl.create_default_context())
    return client


def test_a_scripted_server_accepts_a_message(scripted: Scripted) -> None:
    server = scripted(tls="starttls")
    with encrypted(server) as client:
        client.login("me", "secret")
        client.sendmail("a@a.example", ["b@b.example"], "Subject: x\r\n\r\n.dot\r\n")
    assert server.commands == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]
    assert server.messages == [b"Subject: x\r\n\r\n..dot\r\n"]


def test_a_scripted_server_gives_the_scripted_reply(scripted: Scripted) -> None:
    reply = "535-5.7.8 Username and Password not accepted.⏎535 5.7.8  gsmtp"
    server = scripted(tls="tls", replies={"AUTH": reply})
    client = smtplib.SMTP_SSL(server.host, server.port, timeout=5, context=ssl.create_default_context())
    with client, pytest.raises(smtplib.SMTPAuthenticationError) as caught:
        client.login("me", "secret")
    assert caught.value.smtp_error == b"5.7.8 Username and Password not accepted.\n5.7.8  gsmtp"


def test_a_scripted_server_gives_several_replies_in_turn(scripted: Scripted) -> None:
    server = scripted(mechanisms="XOAUTH2", replies={"AUTH": ["334 e30=", "535 5.7.3 Authentication unsuccessful"]})
    with smtplib.SMTP(server.host, server.port, timeout=5) as client:
        client.ehlo()
        assert client.docmd("AUTH XOAUTH2", base64.b64encode(b"x").decode()) == (334, b"e30=")
        assert client.docmd("") == (535, b"5.7.3 Authentication unsuccessful")


@pytest.mark.parametrize("point", ["GREETING", "EHLO", "TLS", "MAIL", "END"])
def test_a_scripted_server_stalls_on_request(scripted: Scripted, point: str) -> None:
    server = scripted(tls="starttls", stall_at=point)
    with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
        send(server, timeout=0.2)


@pytest.mark.parametrize("point", ["GREETING", "STARTTLS", "RCPT", "DATA"])
def test_a_scripted_server_drops_the_connection_on_request(scripted: Scripted, point: str) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(scripted(tls="starttls", drop_at=point), timeout=5)


def send(server: ScriptedServer, timeout: float) -> None:
    with smtplib.SMTP(server.host, server.port, timeout=timeout) as client:
        client.starttls(context=ssl.create_default_context())
        client.sendmail("a@a.example", ["b@b.example"], "Subject: x\r\n\r\nx\r\n")
