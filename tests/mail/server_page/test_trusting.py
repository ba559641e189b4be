"""Trusting what a server shows, from the result of a check."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mail.page import PAGE, custom, error_at
from tests.support.browser import Browser
from tests.support.certificates import Authority
from tests.support.faulty_certificates import Company, fault
from tests.support.html import forms_of
from tests.support.scripted import ScriptedServer
from webapp.core import certificates

pytestmark = pytest.mark.one_database


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """A company with an authority of its own, which its mail server sends."""
    return Company(tmp_path, fault(sends_authority=True))


@pytest.fixture
def server(company: Company) -> Iterator[ScriptedServer]:
    """Its mail server."""
    with ScriptedServer(tls="starttls", certificate=company.context()) as server:
        yield server


def fields(server: ScriptedServer, **given: Any) -> dict[str, Any]:
    """Return the form for this server."""
    return custom(host=server.host, port=server.port, timeout="5", test_recipient="eve@example.org", **given)


def test_the_chain_is_shown_and_an_authority_trusted_with_one_click(
    administrator: Browser, server: ScriptedServer, company: Company
) -> None:
    failed = administrator.submit(PAGE, "test", **fields(server))
    for one in certificates.parse(company.server_file.read_text()):
        assert certificates.fingerprint(one) in failed.text.replace("<wbr>", "")
    assert "Trust this certificate only" in failed.text.replace("<wbr>", "")
    assert "Trust this authority" in failed.text.replace("<wbr>", "")
    assert "AUTH" not in server.commands
    trusted = administrator.submit_on(failed, "apply", password="")
    assert "The test email was sent to eve@example.org" in trusted.text
    saved = administrator.submit_on(trusted, "save", password="")
    assert "Saved and in use." in saved.text
    passed = administrator.submit(PAGE, "test", password="", test_recipient="eve@example.org")
    assert "The test email was sent to eve@example.org" in passed.text


def test_the_host_of_the_certificate_is_filled_in_and_the_password_asked_for_again(
    administrator: Browser, authority: Authority
) -> None:
    with ScriptedServer(tls="starttls", certificate=authority.server("localhost")) as server:
        failed = administrator.submit(PAGE, "test", **fields(server) | {"host": "127.0.0.1"})
        assert "Use the host localhost" in failed.text
        page = administrator.submit_on(failed, "apply", password="")
        assert error_at(page, "password").startswith("Enter “Password” again, because you changed Host")
        assert "AUTH" not in server.commands


def test_a_saved_password_has_to_be_entered_again_for_what_is_trusted_now(
    administrator: Browser, server: ScriptedServer
) -> None:
    administrator.submit(PAGE, "save", **fields(server))
    failed = administrator.submit(PAGE, "test", password="", test_recipient="eve@example.org")
    page = administrator.submit_on(failed, "apply", password="")
    assert error_at(page, "password").startswith("Enter “Password” again, because you changed Trusted certificate")
    assert "AUTH" not in server.commands


def test_settings_that_lack_only_trust_are_offered_and_then_the_trust(
    administrator: Browser, server: ScriptedServer
) -> None:
    failed = administrator.submit(PAGE, "test", **fields(server, security="tls"))
    assert (
        f"A server answers on port {server.port} with STARTTLS, but its certificate isn&#39;t trusted." in failed.text
    )
    untrusted = administrator.submit_on(failed, "apply", password="")
    assert "Trust this authority" in untrusted.text
    assert "AUTH" not in server.commands
    trusted = administrator.submit_on(untrusted, "apply", password="")
    assert "The test email was sent to eve@example.org" in trusted.text


def test_a_saved_password_that_followed_a_fix_does_not_follow_to_what_is_trusted_next(
    administrator: Browser, server: ScriptedServer
) -> None:
    administrator.submit(PAGE, "save", **fields(server, security="tls"))
    failed = administrator.submit(PAGE, "test", password="", test_recipient="eve@example.org")
    for _again in range(2):
        failed = administrator.submit_on(failed, "apply", password="")
    assert error_at(failed, "password").startswith("Enter “Password” again, because you changed Trusted certificate")
    assert "AUTH" not in server.commands


def test_an_entered_password_goes_to_no_certificate_that_was_not_offered(
    administrator: Browser, server: ScriptedServer, tmp_path: Path
) -> None:
    (tmp_path / "stranger").mkdir()
    stranger = Company(tmp_path / "stranger", fault())
    failed = administrator.submit(PAGE, "test", **fields(server))
    [form] = [form for form in forms_of(failed.text) if "apply" in form.buttons]
    values: dict[str, Any] = dict(form.values) | {
        "password": "",
        "pinned_certificate": certificates.to_pem([stranger.own]),
    }
    page = administrator.post(PAGE, **values, test="1")
    assert error_at(page, "password").startswith("Enter “Password” again, because you changed Pinned certificate")
