"""A test of unsaved settings that fails, is fixed with one click, passes and is saved, in a real browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.browser.conftest import BARE_DESKTOP, DESKTOP
from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.certificates import Authority
from tests.support.faulty_certificates import Company, fault
from tests.support.inbox import PASSWORD as MAIL_PASSWORD
from tests.support.inbox import SENDER, USERNAME, Inbox, running_inbox
from tests.support.proxies import Internet
from tests.support.scripted import ScriptedServer
from webapp.core import certificates

HOST = "smtp.example.org"
PASSWORD = "the first long sentence 7"


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[Inbox]:
    """A mail server with TLS from the start, on a port that doesn't say so."""
    with running_inbox(authority, "tls") as inbox:
        yield inbox


@pytest.fixture
def internet(authority: Authority) -> Iterator[Internet]:
    """A host whose port 25 doesn't encrypt, and whose port 587 does."""
    secure = ScriptedServer(tls="starttls", certificate=authority.server(HOST))
    with ScriptedServer() as plain, secure, Internet() as internet:
        internet.servers = {f"{HOST}:25": plain.port, f"{HOST}:587": secure.port}
        yield internet


@pytest.fixture
def visitor(walker: Walker, site: Site) -> Walker:
    """An administrator on the mail server page."""
    walker.open(site.setup_url)
    email = f"ada.{uuid4().hex[:8]}@mailroom.example"
    walker.fill(email=email, name="Ada Lovelace", password=PASSWORD, password_confirm=PASSWORD, public_url="")
    walker.press("Create and sign in")
    walker.open(f"{site.url}/settings/mail")
    return walker


def test_a_wrong_port_is_found_corrected_checked_again_and_saved_with_two_clicks(
    visitor: Walker, internet: Internet
) -> None:
    enter(visitor, HOST, "25")
    visitor.fill(proxy_type="http", proxy_host=internet.host, proxy_port=str(internet.port))
    visitor.page.locator("details.more > summary").click()
    visitor.press("check")
    assert visitor.sees("Nothing was saved.")
    visitor.press("Use port 587 with STARTTLS and try again")
    assert visitor.sees("The mail server accepts email. Nothing was sent.")
    visitor.press("Save and use")
    assert visitor.sees("Saved and in use.")
    assert visitor.page.locator("[name=port]").input_value() == "587"
    assert visitor.complaints == []


@pytest.mark.parametrize("walker", [DESKTOP, BARE_DESKTOP], indirect=True, ids=lambda screen: screen.name)
def test_a_check_is_cancelled_and_the_form_stays_as_it_was(
    visitor: Walker, scripted: Callable[..., ScriptedServer]
) -> None:
    page, server = visitor.page, scripted(stall_at="EHLO")
    enter(visitor, server.host, str(server.port), timeout="50")
    page.locator("details.more > summary").click()
    page.locator("main button[name=check]").click(no_wait_after=True)
    page.get_by_text("Greeting (EHLO)").wait_for()
    page.locator("button[name=cancel]").click()
    assert visitor.sees("The check was canceled.")
    assert (page.locator("[name=timeout]").input_value(), page.locator("dialog").count()) == ("50", 0)
    assert server.has_lost_all(25)
    page.locator("main button[name=test]:not([aria-hidden])").wait_for()


def test_a_private_authority_is_shown_trusted_and_used(
    visitor: Walker, scripted: Callable[..., ScriptedServer], tmp_path: Path
) -> None:
    company = Company(tmp_path, fault(sends_authority=True))
    server = scripted(tls="starttls", certificate=company.context())
    enter(visitor, server.host, str(server.port))
    visitor.press("test")
    assert visitor.sees(certificates.fingerprint(company.own))
    visitor.press("Trust this authority")
    assert visitor.sees("The test email was sent to eve@example.org")
    visitor.press("Save and use")
    assert visitor.sees("Saved and in use.")
    visitor.press("test")
    assert visitor.sees("The test email was sent to ada")
    assert (len(server.messages), visitor.complaints) == (2, [])


def test_enter_tests_and_saves_nothing(visitor: Walker, tls_server: Inbox) -> None:
    page = visitor.page
    enter(visitor, tls_server.host, str(tls_server.port))
    # Of the second page, the result has buttons of the form, too.
    for field in ("test_recipient", "host"):
        with page.expect_navigation():
            page.locator(f"main [name={field}]").press("Enter")
        assert visitor.sees("Nothing was saved.")
        visitor.close_dialog()


def test_closing_the_result_leaves_the_page_as_it_was_and_leaving_it_asks(visitor: Walker, tls_server: Inbox) -> None:
    page = visitor.page
    enter(visitor, tls_server.host, str(tls_server.port))
    page.evaluate("scrollTo({ top: 300, behavior: 'instant' })")
    with page.expect_navigation():
        # A click of Playwright's scrolls.
        page.locator("[name=test]:not([aria-hidden])").evaluate("button => button.click()")
    visitor.close_dialog()
    assert page.evaluate("[scrollY, document.activeElement.name]") == [300, "test"]
    assert page.locator("[name=timeout]").is_visible()
    with page.expect_event("dialog") as asked:
        page.once("dialog", lambda dialog: dialog.dismiss())
        page.get_by_role("link", name="General").click(no_wait_after=True)
    assert (asked.value.type, page.locator("[name=host]").input_value()) == ("beforeunload", tls_server.host)


@pytest.mark.parametrize("walker", [DESKTOP, BARE_DESKTOP], indirect=True, ids=lambda screen: screen.name)
def test_a_slow_test_shows_what_it_is_doing(visitor: Walker, scripted: Callable[..., ScriptedServer]) -> None:
    page = visitor.page
    server = scripted(stall_at="EHLO")
    enter(visitor, server.host, str(server.port), timeout="4")
    page.locator("main button[name=test]:not([aria-hidden])").click(no_wait_after=True)
    page.get_by_text("Greeting (EHLO)").wait_for()
    steps = page.locator(".testing li")
    assert [text.partition("\n")[0] for text in steps.all_inner_texts()] == [
        "Look up the host", "Connect", "Server greeting", "Greeting (EHLO)",
    ]  # fmt: skip
    assert page.locator(".testing .stage-time.is-success").count() == 3
    assert page.locator("dialog").count() == 0
    page.locator("dialog").wait_for()
    assert not page.locator(".testing").is_visible()
    assert visitor.complaints == []


def enter(visitor: Walker, host: str, port: str, timeout: str = "1") -> None:
    visitor.fill(mail_from=SENDER, host=host, port=port, security="starttls", timeout=timeout)
    visitor.fill(authentication="password", username=USERNAME, password=MAIL_PASSWORD, test_recipient="eve@example.org")
