"""A test of unsaved settings that fails, is fixed with one click, passes and is saved, in a real browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.browser.conftest import BARE_DESKTOP, DESKTOP, PHONE
from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.certificates import Authority
from tests.support.faulty_certificates import Company, fault
from tests.support.inbox import PASSWORD as MAIL_PASSWORD
from tests.support.inbox import SENDER, USERNAME, Inbox, running_inbox
from tests.support.scripted import ScriptedServer
from webapp.core import certificates

PASSWORD = "the first long sentence 7"


@pytest.fixture
def tls_server(authority: Authority) -> Iterator[Inbox]:
    """A mail server with TLS from the start, on a port that doesn't say so."""
    with running_inbox(authority, "tls") as inbox:
        yield inbox


@pytest.fixture
def visitor(walker: Walker, site: Site) -> Walker:
    """An administrator on the mail server page."""
    walker.open(site.setup_url)
    email = f"ada.{uuid4().hex[:8]}@mailroom.example"
    walker.fill(email=email, name="Ada Lovelace", password=PASSWORD, password_confirm=PASSWORD, public_url="")
    walker.press("Create and sign in")
    walker.open(f"{site.url}/settings/mail")
    return walker


@pytest.mark.parametrize("walker", [DESKTOP, PHONE, BARE_DESKTOP], indirect=True, ids=lambda screen: screen.name)
def test_a_failed_test_is_fixed_tested_again_and_saved_with_two_clicks(visitor: Walker, tls_server: Inbox) -> None:
    enter(visitor, tls_server)
    visitor.press("test")
    assert visitor.sees("Nothing was saved.")
    visitor.press("apply")
    assert visitor.sees("The test email is on its way to eve@example.org")
    visitor.press("Save and use")
    assert visitor.sees("Saved and in use.")
    assert visitor.page.locator("[name=security]:checked").input_value() == "tls"
    assert tls_server.last.username == USERNAME
    assert visitor.complaints == []


@pytest.mark.parametrize("walker", [DESKTOP, PHONE], indirect=True, ids=lambda screen: screen.name)
def test_a_private_authority_is_shown_trusted_and_used(
    visitor: Walker, scripted: Callable[..., ScriptedServer], tmp_path: Path
) -> None:
    company = Company(tmp_path, fault(sends_authority=True))
    server = scripted(tls="starttls", certificate=company.context())
    enter(visitor, server)
    visitor.press("test")
    assert visitor.sees(certificates.fingerprint(company.own))
    visitor.press("Trust this authority")
    assert visitor.sees("The test email is on its way to eve@example.org")
    visitor.press("Save and use")
    assert visitor.sees("Saved and in use.")
    visitor.press("test")
    assert visitor.sees("The test email is on its way to ada")
    assert (len(server.messages), visitor.complaints) == (2, [])


@pytest.mark.parametrize("walker", [DESKTOP, BARE_DESKTOP], indirect=True, ids=lambda screen: screen.name)
def test_enter_tests_and_saves_nothing(visitor: Walker, tls_server: Inbox) -> None:
    page = visitor.page
    enter(visitor, tls_server)
    # Of the second page, the result has buttons of the form, too.
    for field in ("test_recipient", "host"):
        with page.expect_navigation():
            page.locator(f"main [name={field}]").press("Enter")
        assert visitor.sees("Nothing was saved.")
        visitor.close_dialog()


@pytest.mark.parametrize("walker", [DESKTOP], indirect=True, ids=lambda screen: screen.name)
def test_closing_the_result_leaves_the_page_as_it_was_and_leaving_it_asks(visitor: Walker, tls_server: Inbox) -> None:
    page = visitor.page
    enter(visitor, tls_server)
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
    enter(visitor, scripted(stall_at="EHLO"), timeout="4")
    page.locator("main button[name=test]:not([aria-hidden])").click(no_wait_after=True)
    page.get_by_text("Introduction (EHLO)").wait_for()
    assert page.locator(".testing li").all_inner_texts() == [
        "Look up the host", "Connect", "Server greeting", "Introduction (EHLO)",
    ]  # fmt: skip
    assert page.locator("dialog").count() == 0
    page.locator("dialog").wait_for()
    assert not page.locator(".testing").is_visible()
    assert visitor.complaints == []


def enter(visitor: Walker, server: Inbox | ScriptedServer, timeout: str = "1") -> None:
    visitor.fill(mail_from=SENDER, host=server.host, port=str(server.port), security="starttls", timeout=timeout)
    visitor.fill(authentication="password", username=USERNAME, password=MAIL_PASSWORD, test_recipient="eve@example.org")
