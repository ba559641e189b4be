"""Trusted, pinned and client certificates on the mail server page."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mail.page import PAGE, custom, error_at, password, saved
from tests.support.browser import Browser
from tests.support.faulty_certificates import Company, fault, key_to_pem
from tests.support.scripted import ScriptedServer
from webapp.core import certificates
from webapp.core.app_state import AppState
from webapp.mail import servers
from webapp.mail.server_page import progress

pytestmark = pytest.mark.one_database


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """A company with an authority of its own."""
    return Company(tmp_path, fault())


def test_certificates_are_saved_shown_and_removed(administrator: Browser, state: AppState, company: Company) -> None:
    ca = company.ca_file.read_text()
    fields = {"trusted_certificates": f"Our CA:\r\n{ca}", "client_certificate": company.server_file.read_text()}
    administrator.submit(PAGE, "save", **custom(**fields))
    assert saved(state).trusted_certificates == ca
    assert saved(state).client_certificate_expires_at == company.own.not_valid_after_utc
    page, fingerprint = administrator.get(PAGE), certificates.fingerprint(certificates.parse(ca)[0])
    assert fingerprint in page.text.replace("<wbr>", "")
    assert key_to_pem(company.key).decode().splitlines()[1] not in page.text
    administrator.submit(PAGE, "save", untrusted=fingerprint, remove_client_certificate="y", password="again")
    assert saved(state).trusted_certificates == ""
    assert set(saved(state).sealed_secrets) == {"password"}
    assert saved(state).client_certificate_expires_at is None


def test_what_is_to_be_removed_stays_ticked_after_an_error_and_a_cancelled_check(
    administrator: Browser, scripted: Callable[..., ScriptedServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SHOWN_AFTER", 0)
    pem, server = "", scripted()
    for name in "ab":
        (tmp_path / name).mkdir()
        pem += Company(tmp_path / name, fault()).ca_file.read_text()
    fields = custom(host=server.host, port=server.port, security="none", trusted_certificates=pem)
    administrator.submit(PAGE, "save", **fields)
    ticks = [certificates.fingerprint(one) for one in certificates.parse(pem)]
    wrong = administrator.submit(PAGE, "save", untrusted=ticks, host="")
    slow = administrator.submit_on(wrong, "check", host=server.host, test_recipient="eve@example.org", password="again")
    for page in (wrong, administrator.submit_on(slow, "cancel")):
        assert [f'value="{tick}" checked>' in page.text for tick in ticks] == [True, True]


@pytest.mark.parametrize("field", ["trusted_certificates", "pinned_certificate"])
def test_a_saved_password_is_not_sent_to_whom_somebody_else_trusts(
    field: str, administrator: Browser, state: AppState, company: Company
) -> None:
    administrator.submit(PAGE, "save", **custom())
    page = administrator.submit(PAGE, "save", **{field: company.ca_file.read_text()}, password="")
    assert error_at(page, "password").startswith("Enter “Password” again, because you changed ")
    administrator.submit(PAGE, "save", **{field: company.ca_file.read_text()}, password="second-password")
    assert password(state) == "second-password"


def test_a_client_certificate_stays_when_the_host_changes(
    administrator: Browser, state: AppState, company: Company
) -> None:
    pem = company.server_file.read_text()
    administrator.submit(PAGE, "save", **custom(client_certificate=pem))
    administrator.submit(PAGE, "save", host="smtp2.example.org", password="second-password")
    assert servers.open_secrets(state.sealer, saved(state))["client_certificate"] == pem.strip()
