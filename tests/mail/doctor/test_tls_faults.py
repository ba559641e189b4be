"""Encryption that doesn't come about, for reasons other than certificates, and the fix, which works."""

import ssl
from contextlib import nullcontext
from typing import Any

import pytest

from tests.mail.doctor.conftest import Check
from tests.support.certificates import Authority
from tests.support.proxies import Internet
from tests.support.scripted import ScriptedServer
from webapp.mail.diagnosis import tls_texts

pytestmark = pytest.mark.one_database
HOST = "smtp.example.org"
STRIPPED: dict[str, Any] = {"tls": "starttls", "replies": {"EHLO": "250-smtp.example.org⏎250-SIZE⏎250 XXXXXXXA"}}
TLS: dict[str, Any] = {"tls": "tls"}
STARTTLS: dict[str, Any] = {"tls": "starttls"}
PLAIN: dict[str, Any] = {}
# What is set, what the server does on the present port, the code, and the fix.
FAULTS: list[tuple[str, dict[str, Any], str, dict[str, str]]] = [
    ("starttls", PLAIN, "starttls_not_offered", {"security": "tls", "port": "465"}),
    ("starttls", STRIPPED, "starttls_stripped", {"security": "tls", "port": "465"}),
    ("starttls", TLS, "timeout", {"security": "tls"}),
    ("none", TLS, "timeout", {"security": "tls"}),
    ("tls", STARTTLS, "tls_not_offered", {"security": "starttls"}),
]


@pytest.mark.parametrize(("security", "behaviour", "code", "fix"), FAULTS)
def test_encryption_that_does_not_come_about_leads_to_a_fix_that_works(
    security: str, behaviour: dict[str, Any], code: str, fix: dict[str, str], authority: Authority, check: Check
) -> None:
    certificate = authority.server(HOST)
    here, there = ScriptedServer(certificate=certificate, **behaviour), ScriptedServer(certificate=certificate, **TLS)
    with here, there, Internet() as internet:
        internet.servers |= {f"{HOST}:2587": here.port, f"{HOST}:465": there.port}
        proxy = {"proxy_type": "http", "proxy_host": internet.host, "proxy_port": internet.port}
        values = {"host": HOST, "port": 2587, "timeout": 1, "security": security, **proxy}
        found = check(**values)
        assert found.failure
        assert (found.failure.code, found.fix.values) == (code, fix)
        assert found.diagnosis
        assert f"answers on port {fix.get('port', 2587)} with {fix['security'].upper()}." in str(found.diagnosis.cause)
        assert check(**values | fix).ok


@pytest.mark.parametrize(
    ("newest", "minimum", "fix"), [("TLSv1_1", "1.2", {}), ("TLSv1_2", "1.3", {"tls_minimum": "1.2"})]
)
def test_a_server_whose_tls_is_too_old_is_named_and_a_lower_minimum_offered_where_it_helps(
    newest: str, minimum: str, fix: dict[str, str], authority: Authority, check: Check
) -> None:
    certificate = authority.server()
    with pytest.warns(DeprecationWarning, match="TLSv1_1") if newest == "TLSv1_1" else nullcontext():
        certificate.minimum_version = certificate.maximum_version = ssl.TLSVersion[newest]
    certificate.set_ciphers("DEFAULT@SECLEVEL=0")
    with ScriptedServer(tls="tls", certificate=certificate) as server:
        found = check(host=server.host, port=server.port, security="tls", tls_minimum=minimum, timeout=1)
    assert found.diagnosis
    assert (found.diagnosis.cause, found.fix.values) == (tls_texts.TLS_VERSION.cause, fix)
