"""Each fault of a server's certificate, over real connections: its cause, and what can be trusted, which then works."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from flask import Flask

from tests.mail.conftest import with_password
from tests.support.faulty_certificates import NO_SAN, PATH_WITHOUT_CA, Company, Fault, fault, usage
from tests.support.scripted import ScriptedServer
from webapp.core.deadlines import Deadline
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.mail.trust.service import look

pytestmark = pytest.mark.one_database
BOTH, PIN = ["authority", "certificate"], ["certificate"]
NOTHING: list[str] = []
OTHER_NAME = x509.SubjectAlternativeName([x509.DNSName("mail.example")])
CRITICAL_KEY = x509.SubjectKeyIdentifier(b"a key identifier")
VERSION_1 = """openssl req -new -key ca.key -subj "/CN=Company CA" -out ca.csr
openssl x509 -req -in ca.csr -signkey ca.key -days 3650 -out ca.pem"""
EXPLICIT_CURVE = """openssl ecparam -name prime256v1 -genkey -param_enc explicit -out own.key
openssl req -new -key own.key -subj /CN=localhost -out own.csr
printf 'subjectAltName=DNS:localhost\\nauthorityKeyIdentifier=keyid\\n' > own.txt
openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 90 -extfile own.txt -out own.pem
cat own.key own.pem > server.pem"""
SELF_SIGNED = """openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
-days 90 -keyout own.key -out own.pem
cat own.key own.pem > server.pem"""
# By authorities that this machine doesn't know.
UNKNOWN: list[tuple[str, Fault, str, str, list[str]]] = [
    ("self-signed", fault(by_openssl=SELF_SIGNED), "certificate_self_signed", "self-signed certificate", PIN),
    ("private authority", fault(sends_authority=True), "certificate_private_authority", "self-signed cert", BOTH),
    ("authority not sent", fault(), "certificate_unknown_issuer", "unable to get local issuer certificate", PIN),
]
# By one that it knows.
KNOWN: list[tuple[str, Fault, str, str, list[str]]] = [
    ("expired", fault(until=timedelta(hours=-1)), "certificate_expired", "certificate has expired", NOTHING),
    ("not yet valid", fault(since=timedelta(hours=1)), "certificate_not_yet_valid", "not yet valid", NOTHING),
    ("other name", fault(own={"names": (OTHER_NAME, False)}), "certificate_other_name", "Hostname mismatch", PIN),
    ("critical key", fault(own={"ski": (CRITICAL_KEY, True)}), "certificate_invalid", "unhandled critical", PIN),
]
RULE, AUTHORITY = "certificate_breaks_rule", "certificate_authority_incomplete"
SIGNING = (usage("digital_signature", "key_cert_sign"), True)
# All that OpenSSL can find only with VERIFY_X509_STRICT, by its number.
STRICT: list[tuple[str, Fault, str, str, list[str]]] = [
    ("78", fault(forged="algorithm"), RULE, "signature algorithm mismatch", PIN),
    ("79", fault(by_openssl=VERSION_1), RULE, "invalid CA certificate", BOTH),
    ("80", fault(own={"ca": (PATH_WITHOUT_CA, True)}), RULE, "Path length invalid for non-CA cert", BOTH),
    ("81", fault(own={"ca": (x509.BasicConstraints(True, 0), True), "usage": (usage("digital_signature"), True)}),
     RULE, "Path length given without key usage keyCertSign", BOTH),
    ("82", fault(own={"ca": (x509.BasicConstraints(False, None), True), "usage": SIGNING}),
     RULE, "Key usage keyCertSign invalid for non-CA cert", BOTH),
    ("83", fault(ca_name=""), RULE, "Issuer name empty", BOTH),
    ("84", fault(own_name="", own={"names": None}), RULE, "Subject name empty", PIN),
    ("85", fault(own={"aki": None}), "certificate_without_issuer_key", "Missing Authority Key Identifier", BOTH),
    ("86", fault(ca={"ski": None}), AUTHORITY, "Missing Subject Key Identifier", BOTH),
    ("87", fault(own={"names": (NO_SAN, False)}), RULE, "Empty Subject Alternative Name extension", BOTH),
    ("88", fault(own_name=""), RULE, "Subject empty and Subject Alt Name extension not critical", BOTH),
    ("89", fault(ca={"constraints": (x509.BasicConstraints(True, None), False)}),
     AUTHORITY, "Basic Constraints of CA cert not marked critical", BOTH),
    ("92", fault(ca={"usage": None}), AUTHORITY, "CA cert does not include key usage extension", BOTH),
    # Its version is one that this library doesn't read, so it can't be shown.
    ("93", fault(forged="version"), RULE, "Using cert extension requires at least X509v3", NOTHING),
    ("94", fault(by_openssl=EXPLICIT_CURVE), RULE, "explicit ECC parameters", PIN),
]  # fmt: skip
CASES = [("unknown", *case) for case in UNKNOWN] + [("known", *case) for case in (*KNOWN, *STRICT)]


@pytest.mark.parametrize(
    ("machine", "fault", "code", "reason", "offered"),
    [pytest.param(case[0], *case[2:], id=case[1]) for case in CASES],
)
def test_a_fault_of_a_certificate_is_named_and_what_is_offered_works(
    machine: str, fault: Fault, code: str, reason: str, offered: list[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, send: Callable[[TransportSettings], SmtpConnection],
    shared_app: Flask,
) -> None:  # fmt: skip
    company = Company(tmp_path, fault)
    if machine == "known":
        monkeypatch.setenv("SSL_CERT_FILE", str(company.ca_file))
    with ScriptedServer(tls="starttls", certificate=company.context()) as server, shared_app.app_context():
        settings = with_password(server, security="starttls")
        with pytest.raises(DeliveryError) as caught:
            send(settings)
        failure = caught.value.failure
        assert "AUTH" not in server.commands
        diagnosis = diagnose("custom", settings.public_values, failure)
        assert (failure.code, reason in failure.params["reason"]) == (code, True)
        assert diagnosis
        assert diagnosis.steps
        presented = look(settings, failure, Deadline(10))
        offers = presented.offers if presented else ()
        assert [offer.kind for offer in offers] == offered
        for offer in offers:
            send(settings.with_values(offer.values))
    assert len(server.messages) == len(offered)
