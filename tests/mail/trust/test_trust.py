"""What is trusted for one mail server: a pinned certificate that changes or expires, and mutual TLS."""

import ssl
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mail.conftest import later, settings_for, with_password
from tests.support.certificates import Authority
from tests.support.faulty_certificates import X400_NAME, Company, Fault, fault
from tests.support.scripted import ScriptedServer
from webapp.core import certificates
from webapp.core.deadlines import Deadline
from webapp.core.tls import Trust
from webapp.mail.transport.connection import SmtpConnection
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.mail.trust.service import look
from webapp.providers import Security

pytestmark = pytest.mark.one_database
Scripted = Callable[..., ScriptedServer]
FailingSend = Callable[[TransportSettings], DeliveryError]


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """A company with an authority of its own, which its mail server sends."""
    return Company(tmp_path, fault(sends_authority=True))


def test_another_certificate_than_the_pinned_one_gets_no_password(
    scripted: Scripted, company: Company, tmp_path: Path, delivery_error: FailingSend
) -> None:
    (tmp_path / "new").mkdir()
    renewed = Company(tmp_path / "new", fault(sends_authority=True))
    server = scripted(tls="tls", certificate=renewed.context())
    settings = with_password(server, security="tls", trust=Trust(pinned=certificates.to_pem([company.own])))
    failure = delivery_error(settings).failure
    fingerprints = {name: certificates.fingerprint(one.own) for name, one in
                    {"pinned": company, "presented": renewed}.items()}  # fmt: skip
    assert (failure.code, failure.params) == ("certificate_changed", {**failure.params, **fingerprints})
    assert "AUTH" not in server.commands
    presented = look(settings, failure, Deadline(10))
    assert presented
    assert [one.kind for one in presented.offers] == ["authority", "certificate"]
    # Without giving up the pin, the authority would make no difference.
    assert presented.offers[0].values["pinned_certificate"] == ""


def test_a_pin_is_given_up_where_this_machine_trusts_the_new_certificate(
    scripted: Scripted, company: Company, delivery_error: FailingSend
) -> None:
    server = scripted(tls="tls")
    settings = with_password(server, security="tls", trust=Trust(pinned=certificates.to_pem([company.own])))
    presented = look(settings, delivery_error(settings).failure, Deadline(10))
    assert presented
    assert [dict(one.values) for one in presented.offers] == [{"pinned_certificate": ""}]


def test_a_pinned_certificate_is_accepted_until_it_expires(scripted: Scripted, company: Company) -> None:
    server = scripted(tls="tls", certificate=company.context())
    settings = settings_for(server, security="tls", trust=Trust(pinned=certificates.to_pem([company.own])))
    with SmtpConnection(settings) as connection:
        assert connection.certificate
        assert connection.certificate.expires_at == company.own.not_valid_after_utc
    with later(days=91), pytest.raises(DeliveryError, match="pinned certificate has expired"):
        SmtpConnection(settings).__enter__()


def test_the_host_that_the_certificate_is_for_is_offered(
    scripted: Scripted, authority: Authority, delivery_error: FailingSend
) -> None:
    server = scripted(tls="tls", certificate=authority.server("localhost", "mail.invalid"))
    settings = with_password(server, security="tls", host="127.0.0.1")
    failure = delivery_error(settings).failure
    presented = look(settings, failure, Deadline(10))
    assert presented
    assert (failure.code, [dict(one.values) for one in presented.offers]) == (
        "certificate_not_for_ip_address", [{"host": "localhost"}],
    )  # fmt: skip


def test_an_authority_is_trusted_for_its_own_server_only(scripted: Scripted, company: Company) -> None:
    server = scripted(tls="tls", certificate=company.context())
    trusted = settings_for(server, security="tls", trust=Trust(authorities=company.ca_file.read_text()))
    with SmtpConnection(trusted) as connection:
        notes = [step.note for step in connection.transcript.stages]
        assert any("; localhost, 127.0.0.1 (Company CA), 20" in note for note in notes)
    with pytest.raises(DeliveryError, match="self-signed certificate in certificate chain"):
        SmtpConnection(replace(trusted, trust=Trust())).__enter__()


@pytest.mark.parametrize(
    "odd", [fault(forged="name"), fault(forged="no_version"), fault(own={"names": (X400_NAME, False)})]
)
def test_a_certificate_that_cannot_be_shown_keeps_no_email_back(scripted: Scripted, tmp_path: Path, odd: Fault) -> None:
    company = Company(tmp_path, odd)
    settings = settings_for(scripted(tls="tls", certificate=company.context()), security="tls")
    with SmtpConnection(replace(settings, trust=Trust(authorities=company.ca_file.read_text()))) as connection:
        assert (connection.presented_chain().certificates == ()) == bool(odd.forged)
    with pytest.raises(DeliveryError, match="unable to get local issuer"):
        SmtpConnection(settings).__enter__()


@pytest.mark.parametrize(
    ("security", "version", "code"),
    [
        ("tls", ssl.TLSVersion.TLSv1_2, "tls_refused"),
        ("tls", ssl.TLSVersion.TLSv1_3, "client_certificate_required"),
        # Here the client speaks first, and the server may have left already.
        ("starttls", ssl.TLSVersion.TLSv1_3, "client_certificate_required"),
    ],
)
def test_a_server_that_asks_for_a_certificate_gets_it(
    security: Security, version: ssl.TLSVersion, code: str, authority: Authority, scripted: Scripted,
    company: Company, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    context = authority.server()
    context.verify_mode, context.maximum_version = ssl.CERT_REQUIRED, version
    context.load_verify_locations(company.ca_file)
    server = scripted(tls=security, certificate=context)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    settings = settings_for(server, security=security, timeout=2)
    with pytest.raises(DeliveryError) as caught:
        SmtpConnection(settings).__enter__()
    assert caught.value.code == code
    with SmtpConnection(replace(settings, trust=Trust(client_certificate=company.server_file.read_text()))):
        assert list((tmp_path / "temporary").iterdir()) == []
