"""Sending over real sockets, to servers that are friendly, broken or hostile."""

import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.mail.conftest import settings_for, stages, with_password
from tests.support.certificates import Authority
from tests.support.inbox import PASSWORD, USERNAME, Security, running_inbox
from tests.support.scripted import ScriptedServer
from webapp.mail.mime import Email
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError, Scope
from webapp.mail.transport.settings import TransportSettings

pytestmark = pytest.mark.one_database

Scripted = Callable[..., ScriptedServer]
Send = Callable[[TransportSettings], SmtpConnection]
FailingSend = Callable[[TransportSettings], DeliveryError]


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_a_real_server_accepts_the_message(security: Security, authority: Authority, send: Send) -> None:
    with running_inbox(authority, security) as inbox:
        account = {"username": USERNAME, "authentication": "password", "secrets": {"password": PASSWORD}}
        send(settings_for(inbox, security=security, **account))
        assert inbox.last.text.splitlines() == ["Line", ".hidden dot"]
        assert inbox.last.username == USERNAME
        assert inbox.last.client_name == "mailroom.example.org"


def test_every_stage_is_timed_in_order(scripted: Scripted, send: Send) -> None:
    connection = send(with_password(scripted(tls="starttls"), security="starttls"))
    assert stages(connection) == [
        Stage.LOOKUP, Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.TLS, Stage.EHLO, Stage.AUTH,
        Stage.MAIL, Stage.RCPT, Stage.DATA,
    ]  # fmt: skip
    assert all(step.passed and 0 < step.seconds < 5 for step in connection.transcript.stages)


@pytest.mark.parametrize(
    ("point", "stage"),
    [
        ("GREETING", Stage.GREETING), ("TLS", Stage.TLS), ("AUTH", Stage.AUTH), ("DATA", Stage.DATA),
        ("END", Stage.DATA),
    ],
)  # fmt: skip
@pytest.mark.parametrize("fault", ["stall_at", "drop_at"])
def test_a_server_that_stops_replying_fails_in_time(
    point: str, stage: Stage, fault: str, scripted: Scripted, delivery_error: FailingSend
) -> None:
    started = time.monotonic()
    error = delivery_error(with_password(scripted(tls="starttls", **{fault: point}), security="starttls", timeout=1))
    assert error.stage is stage
    assert error.scope is (Scope.UNCERTAIN if point == "END" else Scope.SERVER)
    assert time.monotonic() - started < 15


def test_a_slow_reply_is_abandoned(scripted: Scripted, delivery_error: FailingSend) -> None:
    error = delivery_error(settings_for(scripted(drip=0.2), timeout=1))
    assert (error.stage, error.code) == (Stage.GREETING, "timeout")


@pytest.mark.parametrize(
    ("server", "code"),
    [
        ({"endless_at": "EHLO"}, "reply_too_long"),
        ({"replies": {"EHLO": b"250 " + b"x" * 100_000}}, "line_too_long"),
    ],
)
def test_an_endless_reply_is_cut_off(
    server: dict[str, Any], code: str, scripted: Scripted, delivery_error: FailingSend
) -> None:
    error = delivery_error(settings_for(scripted(**server)))
    assert (error.stage, error.code) == (Stage.EHLO, code)


def test_a_server_that_ignores_quit_keeps_no_one_waiting(scripted: Scripted, send: Send) -> None:
    started = time.monotonic()
    send(settings_for(scripted(stall_at="QUIT"), timeout=60))
    assert time.monotonic() - started < 20


def test_nothing_is_sent_if_starttls_is_not_offered(scripted: Scripted, delivery_error: FailingSend) -> None:
    server = scripted()
    error = delivery_error(with_password(server, security="starttls"))
    assert error.stage is Stage.TLS
    assert server.commands == ["EHLO"]


def test_plain_text_after_starttls_is_not_trusted(scripted: Scripted, delivery_error: FailingSend) -> None:
    server = scripted(tls="starttls", smuggled=b"250-scripted.example\r\n250 AUTH PLAIN\r\n")
    error = delivery_error(with_password(server, security="starttls"))
    assert error.stage is Stage.TLS
    assert error.code == "plain_text_after_starttls"
    assert "AUTH" not in server.commands


def test_the_minimum_tls_version_is_a_minimum(authority: Authority, send: Send, delivery_error: FailingSend) -> None:
    old = authority.server()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with ScriptedServer(tls="tls", certificate=old) as server:
        assert delivery_error(settings_for(server, security="tls", tls_minimum="1.3")).stage is Stage.TLS
        send(settings_for(server, security="tls", tls_minimum="1.2"))
    with ScriptedServer(tls="tls", certificate=authority.server()) as server:
        connection = send(settings_for(server, security="tls", tls_minimum="1.2"))
    assert any("TLSv1.3" in line.text for line in connection.transcript.lines)


def test_secrets_that_the_server_repeats_are_redacted(scripted: Scripted, delivery_error: FailingSend) -> None:
    echo = "535 5.7.8 not AG1haWxyb29tAGh1bnRlcjItaHVudGVyMg== nor hunter2-hunter2"
    error = delivery_error(with_password(scripted({"AUTH": echo}), password="hunter2-hunter2"))
    everything = " ".join([error.reply, str(error.params), str(error), *(line.text for line in error.transcript.lines)])
    assert "hunter2" not in everything
    assert "AG1haWxyb29tAGh1bnRlcjIt" not in everything
    assert "535 5.7.8" in error.reply


def test_a_secret_in_the_reply_to_a_message_is_redacted(scripted: Scripted, send: Send) -> None:
    server = with_password(scripted({"END": "250 queued for hunter2-hunter2"}), password="hunter2-hunter2")
    assert "hunter2" not in "".join(step.note for step in send(server).transcript.stages)


def test_control_and_formatting_characters_are_replaced(scripted: Scripted, delivery_error: FailingSend) -> None:
    reply = b"550 5.7.1 \0\x1b[31mred\x1b[0m \xe2\x80\xaegnp.exe\t\xa0end\r\n"
    error = delivery_error(settings_for(scripted({"RCPT": reply})))
    assert error.reply == "550 5.7.1 ��[31mred�[0m �gnp.exe �end"
    assert all(line.text.isprintable() for line in error.transcript.lines)


def test_a_long_reply_is_shortened(scripted: Scripted, delivery_error: FailingSend) -> None:
    reply = "\n".join([*(f"550-{'x' * 900}" for _ in range(100)), "550 no"])
    assert len(delivery_error(settings_for(scripted({"RCPT": reply}))).failure.reply) <= 4000


@pytest.mark.parametrize(
    ("replies", "stage", "fault"),
    [
        ({"RCPT": "550 5.1.1 <eve@example.org>: User unknown"}, Stage.RCPT, Scope.RECIPIENT),
        ({"END": "550-5.4.5 Daily user sending limit exceeded"}, Stage.DATA, Scope.UNCERTAIN),
        ({"END": b"garbage\r\n"}, Stage.DATA, Scope.UNCERTAIN),
        ({"END": "550 5.4.5 Daily user sending limit exceeded"}, Stage.DATA, Scope.MESSAGE),
        ({"AUTH": "454 4.7.0 Temporary authentication failure"}, Stage.AUTH, Scope.SERVER),
    ],
)
def test_a_rejection_has_a_scope(
    replies: dict[str, str], stage: Stage, fault: Scope, scripted: Scripted, delivery_error: FailingSend
) -> None:
    error = delivery_error(with_password(scripted(replies), timeout=1))
    assert (error.stage, error.scope) == (stage, fault)


@pytest.mark.parametrize(
    ("sender", "recipient", "code", "scope"),
    [
        ("josé@example.org", "eve@example.org", "sender_needs_smtputf8", Scope.SERVER),
        ("josé@example.org", "ада@example.org", "sender_needs_smtputf8", Scope.SERVER),
        ("mailroom@example.org", "ада@example.org", "smtputf8_not_offered", Scope.RECIPIENT),
    ],
)
def test_an_address_that_the_server_cannot_take_is_named(
    app: Flask, sender: str, recipient: str, code: str, scope: Scope, scripted: Scripted
) -> None:
    server = scripted({"EHLO": "250-scripted.example⏎250 8BITMIME"})
    with app.app_context(), SmtpConnection(settings_for(server)) as connection, pytest.raises(DeliveryError) as caught:
        connection.send(
            Email(subject="Hi", sender=("", sender), recipient=recipient, text="Hi", html="Hi", message_id="<1@x>")
        )
    assert (caught.value.stage, caught.value.code, caught.value.scope) == (Stage.MAIL, code, scope)
    assert "MAIL" not in server.commands


def test_without_a_host_name_the_address_stands_for_it(scripted: Scripted, send: Send) -> None:
    server = scripted()
    send(settings_for(server, helo=""))
    assert server.received[0] in ("ehlo [127.0.0.1]", "ehlo [IPv6:::1]")


def test_the_reply_to_ehlo_is_kept_if_the_server_hangs_up_at_helo(
    scripted: Scripted, delivery_error: FailingSend
) -> None:
    error = delivery_error(settings_for(scripted({"EHLO": "550 5.7.1 No such host"}, drop_at="HELO")))
    assert (error.stage, error.reply) == (Stage.EHLO, "550 5.7.1 No such host")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "bücher.invalid", "a..b", "bücher..b", "x" * 300])
def test_an_invalid_host_fails_at_the_lookup(host: str, delivery_error: FailingSend) -> None:
    assert stages(delivery_error(settings_for(host=host, port=25))) == [Stage.LOOKUP]


def test_a_closed_port_fails_at_connecting(delivery_error: FailingSend) -> None:
    assert delivery_error(settings_for()).stage is Stage.CONNECT


def test_without_private_hosts_no_other_port_is_contacted(delivery_error: FailingSend, internet_only: None) -> None:
    error = delivery_error(settings_for(host="192.0.2.1", port=22))
    assert (error.stage, error.code) == (Stage.CONNECT, "port_not_allowed")
