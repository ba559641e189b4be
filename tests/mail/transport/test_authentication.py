"""Authenticating to servers that know little, refuse, or say why in odd ways."""

import base64
from collections.abc import Callable

import pytest
from flask import Flask
from structlog.testing import capture_logs

from plugins import google
from tests.mail.conftest import with_password
from tests.support.proxies import Internet
from tests.support.scripted import ScriptedServer
from webapp.core.sockets import Proxy
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.transcript import Stage
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.providers import Account, Password, Provider, SmtpDialogue

pytestmark = pytest.mark.one_database

Scripted = Callable[..., ScriptedServer]
Send = Callable[[TransportSettings], SmtpConnection]
FailingSend = Callable[[TransportSettings], DeliveryError]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_any_password_mechanism_works(mechanism: str, scripted: Scripted, send: Send) -> None:
    server = scripted(mechanisms=mechanism)
    send(with_password(server))
    assert f"AUTH {mechanism}" in " ".join(server.received)


def test_a_long_password_is_sent_after_the_mechanism(scripted: Scripted, send: Send) -> None:
    server = scripted(mechanisms="PLAIN")
    send(with_password(server, password="x" * 1500))
    assert "AUTH PLAIN" in server.received


@pytest.mark.parametrize("reply", ["504 5.5.4 Unrecognized authentication type", "504 5.7.4 Unsupported"])
def test_after_an_unknown_mechanism_another_one_is_tried(reply: str, scripted: Scripted, send: Send) -> None:
    server = scripted({"AUTH PLAIN": reply})
    send(with_password(server))
    assert server.commands.count("AUTH") == 2
    assert "AUTH LOGIN" in server.received


@pytest.mark.parametrize("reply", ["535 5.7.8 Wrong password", "454 4.7.0 Later", "534 5.7.9 Application password"])
def test_after_a_refusal_no_other_mechanism_is_tried(
    reply: str, scripted: Scripted, delivery_error: FailingSend
) -> None:
    server = scripted({"AUTH PLAIN": reply}, mechanisms="CRAM-MD5 PLAIN LOGIN XOAUTH2")
    assert delivery_error(with_password(server)).reply == reply
    assert server.commands.count("AUTH") == 1


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("abcd efgh ijkl mnop", "password_has_spaces"),
        ("abcd\u00a0efgh", "password_has_spaces"),
        ("6Xcf§5zR!B", "password_not_ascii"),
        ("BAb/9+xQ==", ""),
    ],
)
def test_what_may_be_wrong_with_a_rejected_password_is_named(
    password: str, code: str, scripted: Scripted, delivery_error: FailingSend
) -> None:
    server = scripted({"AUTH": "535 5.7.8 Username and Password not accepted"})
    assert delivery_error(with_password(server, password=password)).code == code


def test_the_refusal_of_the_only_mechanism_is_shown(scripted: Scripted, delivery_error: FailingSend) -> None:
    server = scripted({"AUTH": "504 5.5.4 Unrecognized authentication type"}, mechanisms="PLAIN XOAUTH2")
    assert delivery_error(with_password(server)).reply == "504 5.5.4 Unrecognized authentication type"
    assert server.commands.count("AUTH") == 1


def test_endless_challenges_are_given_up(scripted: Scripted, delivery_error: FailingSend) -> None:
    error = delivery_error(with_password(scripted({"AUTH": ["334 " for _ in range(50)]}, mechanisms="LOGIN")))
    assert error.stage is Stage.AUTH


REASON = b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}'


@pytest.mark.parametrize(
    "challenge",
    [
        base64.b64encode(REASON),
        base64.b64encode(REASON).rstrip(b"="),
        base64.urlsafe_b64encode(REASON + b"\n").rstrip(b"="),
        REASON,
        REASON.replace(b"status", b"error"),
    ],
)
def test_a_challenge_keeps_the_reason_in_it(challenge: bytes, scripted: Scripted, delivery_error: FailingSend) -> None:
    exchange = [f"334 {challenge.decode()}", "535 5.7.8 Username and Password not accepted"]
    error = delivery_error(with_password(scripted({"AUTH": exchange})))
    assert error.reply == "535 5.7.8 Username and Password not accepted"
    assert error.params == {"auth_status": "400", "auth_scope": "https://mail.google.com/"}


def test_a_challenge_that_breaks_off_is_not_shown_as_a_reason(scripted: Scripted, delivery_error: FailingSend) -> None:
    exchange = [f"334 {base64.b64encode(REASON[:12]).decode()}", "535 5.7.8 Username and Password not accepted"]
    assert delivery_error(with_password(scripted({"AUTH": exchange}))).params == {}


def test_a_reason_has_no_characters_that_a_page_or_a_terminal_cannot_take(
    scripted: Scripted, delivery_error: FailingSend
) -> None:
    challenge = base64.b64encode(rb'{"status":"\ud800\u001b[31m\u202e\u0000", "scope": ["\ud800"]}').decode()
    error = delivery_error(with_password(scripted({"AUTH": [f"334 {challenge}", "535 5.7.8 No"]})))
    assert error.params == {"auth_status": "?\ufffd[31m\ufffd\ufffd"}


def test_a_plugin_that_raises_while_authenticating_is_named(scripted: Scripted, delivery_error: FailingSend) -> None:
    class Broken(Password):
        def authenticate(self, dialogue: SmtpDialogue, account: Account) -> None:
            raise KeyError(account.password)

    provider = Provider(key="broken", label="Broken Mail", authentication=[Broken()])
    with capture_logs() as logged:
        error = delivery_error(with_password(scripted(), provider=provider, password="hunter2-hunter2"))
    assert (error.code, error.params) == ("plugin_failed", {"provider": "Broken Mail", "error": "KeyError"})
    assert "KeyError" in logged[-1]["exception"]
    assert "hunter2" not in str(logged)


@pytest.mark.parametrize(
    ("password", "code"), [("abcdefghijklmnop", "password_well_formed"), ("my-own-password!", ""), ("abcdefgh", "")]
)
def test_a_rejected_password_that_looks_right_is_told_from_another(
    password: str, code: str, scripted: Scripted, delivery_error: FailingSend
) -> None:
    provider = google.register_smtp_provider()
    server = scripted({"AUTH": "535-5.7.8 Username and Password not accepted.⏎535 5.7.8  gsmtp"})
    assert delivery_error(with_password(server, provider=provider, password=password)).code == code


def test_a_password_that_looks_right_for_the_host_is_told_from_another_under_custom_too(
    app: Flask, scripted: Scripted, delivery_error: FailingSend
) -> None:
    server = scripted({"AUTH": "535 5.7.8 Username and Password not accepted."})
    with Internet() as internet:
        internet.servers["smtp.gmail.com:587"] = server.port
        proxy = Proxy("http", internet.host, internet.port)
        settings = with_password(host="smtp.gmail.com", port=587, password="abcdefghijklmnop", proxy=proxy)
        error = delivery_error(settings)
    with app.test_request_context():
        diagnosis = diagnose("custom", settings.public_values, error.failure)
    assert diagnosis is not None
    assert diagnosis.cause == google.APP_PASSWORD_REJECTED.cause
