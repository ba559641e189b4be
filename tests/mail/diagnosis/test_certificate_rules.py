"""A certificate that is not accepted: found over real connections, and what the administrator is shown."""

import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.mail.conftest import with_password
from tests.mail.page import PAGE
from tests.mail.server_page.authorization import START, oauth_form
from tests.support.authorization import AuthorizationServer, running_provider
from tests.support.browser import Browser
from tests.support.certificates import Authority, HomemadeAuthority
from tests.support.scripted import ScriptedServer
from webapp.core import http_client, network_errors
from webapp.mail.diagnosis import certificate_rules
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.transport.errors import DeliveryError
from webapp.mail.transport.settings import TransportSettings
from webapp.providers import Diagnosis, Failure

pytestmark = pytest.mark.one_database

Trust = Callable[[str], HomemadeAuthority]
FailingSend = Callable[[TransportSettings], DeliveryError]
FAULTS = [
    ("authority", "certificate_authority_incomplete", "Basic Constraints of CA cert not marked critical"),
    ("certificate", "certificate_without_issuer_key", "Missing Authority Key Identifier"),
    ("purpose", "certificate_invalid", "unsuitable certificate purpose"),
]
RENEWED = [
    ("authority", "certificate_authority_incomplete", "ca-new.crt", "server.crt"),
    ("certificate", "certificate_without_issuer_key", "ca.crt", "server-new.crt"),
]


@pytest.fixture
def trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trust:
    """Have this machine trust an authority with a fault, and check as strictly as Python 3.13 does."""
    created = ssl.create_default_context

    def strict(*given: Any, **options: Any) -> ssl.SSLContext:
        context = created(*given, **options)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
        return context

    def trust(fault: str) -> HomemadeAuthority:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
        monkeypatch.setattr(ssl, "create_default_context", strict)
        return HomemadeAuthority(tmp_path, fault)

    return trust


@pytest.fixture
def provider_with() -> Iterator[Callable[[ssl.SSLContext], AuthorizationServer]]:
    """Start a provider at https with this certificate."""
    with ExitStack() as stack:
        yield lambda context: stack.enter_context(running_provider(context))


def test_a_homemade_certificate_without_a_fault_is_accepted(
    trust: Trust, send: Callable[[TransportSettings], object]
) -> None:
    with ScriptedServer(tls="tls", certificate=trust("").server()) as server:
        send(with_password(server, security="tls"))
    assert len(server.messages) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(("fault", "code", "reason"), FAULTS)
def test_a_mail_servers_certificate_has_a_diagnosis_of_its_own(
    security: Any, fault: str, code: str, reason: str, trust: Trust, delivery_error: FailingSend, shared_app: Flask
) -> None:
    with ScriptedServer(tls=security, certificate=trust(fault).server()) as server:
        error = delivery_error(with_password(server, security=security))
    assert (error.code, error.params["reason"]) == (code, reason)
    with shared_app.test_request_context():
        assert reason in str(found(error.failure).cause)


@pytest.mark.parametrize(("fault", "code", "reason"), FAULTS)
def test_a_token_endpoints_certificate_has_the_same_diagnosis(
    fault: str, code: str, reason: str, trust: Trust, provider_with: Any, administrator: Browser
) -> None:
    provider = provider_with(trust(fault).server())
    page = administrator.post(START, **oauth_form(provider, authentication="client_credentials"))
    assert f"{reason}." in page.text
    assert "certificate was rejected" in page.text
    assert "could not be reached" not in page.text


@pytest.mark.parametrize(("fault", "code", "authority", "certificate"), RENEWED)
def test_the_openssl_line_creates_a_certificate_that_is_accepted(
    fault: str,
    code: str,
    authority: str,
    certificate: str,
    trust: Trust,
    monkeypatch: pytest.MonkeyPatch,
    shared_app: Flask,
) -> None:
    homemade = trust(fault)
    with shared_app.test_request_context():
        line = str(certificate_rules.STEPS[code][0]).partition(": ")[2]
    assert shutil.which("openssl")
    subprocess.run(["sh", "-c", line], cwd=homemade.folder, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(homemade.folder / authority))
    answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    with ScriptedServer({"GREETING": answer}, tls="tls", certificate=homemade.server(certificate)) as server:
        assert http_client.get(f"https://localhost:{server.port}/", {}).status == 204


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_the_host_names_of_another_hosts_certificate_are_shown(
    security: Any, authority: Authority, administrator: Browser
) -> None:
    certificate = authority.server("mail.example.org", "*.example.net")
    with ScriptedServer(tls=security, certificate=certificate) as server:
        fields = {"host": server.host, "port": server.port, "security": security, "timeout": "5"}
        page = administrator.submit(
            PAGE, "test", provider="custom", mail_from="m@example.org", authentication="password", username="mailroom",
            password="never-sent-to-it", test_recipient="eve@example.org", **fields,
        )  # fmt: skip
    assert "The certificate is for mail.example.org, *.example.net." in page.text
    assert [command for command in server.commands if command not in ("EHLO", "STARTTLS", "QUIT")] == []


def test_the_host_names_are_shown_for_a_provider_too(
    authority: Authority, provider_with: Any, administrator: Browser
) -> None:
    provider = provider_with(authority.server("login.example.org"))
    page = administrator.post(START, **oauth_form(provider, authentication="client_credentials"))
    assert "The certificate is for login.example.org." in page.text
    assert provider.asked == []


@pytest.mark.parametrize("count", [10, 11])
def test_a_long_list_of_host_names_is_cut(count: int, authority: Authority, delivery_error: FailingSend) -> None:
    certificate = authority.server(*(f"host{number}.example" for number in range(count)))
    with ScriptedServer(tls="tls", certificate=certificate) as server:
        names = delivery_error(with_password(server, security="tls")).params["names"]
    assert (names.count("example"), names.endswith("…")) == (10, count > 10)


def test_every_certificate_failure_has_steps(shared_app: Flask) -> None:
    with shared_app.test_request_context():
        for code in network_errors.CERTIFICATES:
            assert found(Failure("tls", code, {"reason": "something new"})).steps


def found(failure: Failure) -> Diagnosis:
    """Return the diagnosis for a custom server with TLS."""
    diagnosis = diagnose("custom", {"security": "tls"}, failure)
    assert diagnosis is not None
    return diagnosis
