"""Encryption that doesn't come about, for reasons other than certificates: the cause, and the fix, which works."""

import ssl
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.mail.conftest import with_password
from tests.support.certificates import Authority
from tests.support.proxies import Internet
from tests.support.scripted import ScriptedServer
from webapp.core.sockets import Proxy
from webapp.mail.diagnosis import port_rules, smtp_rules, tls_texts
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.doctor.examination import Progress
from webapp.mail.doctor.fixes import find_fix
from webapp.mail.doctor.trials import with_values
from webapp.mail.mime import Email
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.providers import Diagnosis

pytestmark = pytest.mark.one_database
HOST = "smtp.example.org"
STRIPPED: dict[str, Any] = {"tls": "starttls", "replies": {"EHLO": "250-smtp.example.org⏎250-SIZE⏎250 XXXXXXXA"}}
TLS: dict[str, Any] = {"tls": "tls"}
STARTTLS: dict[str, Any] = {"tls": "starttls"}
PLAIN: dict[str, Any] = {}
# What is set, what the server does on the present port, the cause, the code, and the fix.
FAULTS: list[tuple[str, dict[str, Any], str, Diagnosis, dict[str, str]]] = [
    ("starttls", PLAIN, "starttls_not_offered", port_rules.NO_ENCRYPTION, {"security": "tls", "port": "465"}),
    ("starttls", STRIPPED, "starttls_stripped", smtp_rules.STARTTLS_STRIPPED, {"security": "tls", "port": "465"}),
    ("starttls", TLS, "timeout", smtp_rules.TLS_PORT, {"security": "tls"}),
    ("none", TLS, "timeout", smtp_rules.TLS_PORT, {"security": "tls"}),
    ("tls", STARTTLS, "tls_not_offered", smtp_rules.STARTTLS_PORT, {"security": "starttls"}),
]


@pytest.mark.parametrize(("security", "behaviour", "code", "diagnosis", "fix"), FAULTS)
def test_encryption_that_does_not_come_about_has_its_cause_and_a_fix_that_works(
    security: str, behaviour: dict[str, Any], code: str, diagnosis: Diagnosis, fix: dict[str, str],
    authority: Authority, shared_app: Flask, message: Email, send: Callable[[TransportSettings], object],
) -> None:  # fmt: skip
    certificate = authority.server(HOST)
    here, there = ScriptedServer(certificate=certificate, **behaviour), ScriptedServer(certificate=certificate, **TLS)
    with here, there, Internet() as internet, shared_app.app_context():
        internet.servers |= {f"{HOST}:2587": here.port, f"{HOST}:465": there.port}
        proxy = Proxy("http", internet.host, internet.port)
        settings = with_password(host=HOST, port=2587, proxy=proxy, timeout=1, security=security)
        connection = SmtpConnection(settings)
        with pytest.raises(DeliveryError) as caught, connection:
            pass
        failure = caught.value.failure
        found, attempts = find_fix(connection, message, failure, {}, Progress())
        cause = diagnose("custom", settings.public_values, failure)
        others = {one.security: one.failure for one in attempts if one.failure and one.values.keys() == {"security"}}
        assert cause is not None
        assert (failure.code, port_rules.diagnose_port(cause, {**others, security: failure}).cause) == (
            code,
            diagnosis.cause,
        )
        assert found.values == fix
        send(with_values(settings, found.values))


@pytest.mark.parametrize(
    ("newest", "minimum", "fix"), [("TLSv1_1", "1.2", {}), ("TLSv1_2", "1.3", {"tls_minimum": "1.2"})]
)
def test_a_server_whose_tls_is_too_old_is_named_and_a_lower_minimum_offered_where_it_helps(
    newest: str, minimum: str, fix: dict[str, str], authority: Authority, shared_app: Flask, message: Email
) -> None:
    certificate = authority.server()
    with pytest.warns(DeprecationWarning, match="TLSv1_1") if newest == "TLSv1_1" else shared_app.app_context():
        certificate.minimum_version = certificate.maximum_version = ssl.TLSVersion[newest]
    certificate.set_ciphers("DEFAULT@SECLEVEL=0")
    with ScriptedServer(tls="tls", certificate=certificate) as server, shared_app.app_context():
        connection = SmtpConnection(with_password(server, security="tls", tls_minimum=minimum, timeout=1))
        with pytest.raises(DeliveryError) as caught, connection:
            pass
        failure = caught.value.failure
        assert diagnose("custom", connection.settings.public_values, failure) == tls_texts.TLS_VERSION
        found, _attempts = find_fix(connection, message, failure, {"tls_minimum": "1.2"}, Progress())
        assert found.values == fix
