"""The page of a test that takes long."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from tests.mail.page import PAGE, custom, error_at, saved
from tests.support.browser import Browser
from tests.support.scripted import ScriptedServer
from webapp.core.app_state import AppState
from webapp.mail.models import MailServer
from webapp.mail.server_page import progress

pytestmark = pytest.mark.one_database
Scripted = Callable[..., ScriptedServer]
PROGRESS = "Sending the test email…"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the progress at once."""
    monkeypatch.setattr(progress, "SHOWN_AFTER", 0)


def test_a_quick_test_has_an_ordinary_page(administrator: Browser, scripted: Scripted) -> None:
    fields = custom(host=scripted().host, port=scripted().port, security="none", test_recipient="eve@example.org")
    page = administrator.submit(PAGE, "test", **fields)
    assert "The test email was sent" in page.text
    assert PROGRESS not in page.text


def test_the_result_of_a_slow_test_follows_its_progress(
    administrator: Browser, scripted: Scripted, impatient: None
) -> None:
    server = scripted(stall_at="EHLO")
    fields = custom(host=server.host, port=server.port, security="none", timeout="1", test_recipient="eve@example.org")
    page = administrator.submit(PAGE, "test", **fields)
    before, _, after = page.text.partition("<dialog")
    assert before.index(PROGRESS) < before.index("Server greeting") < before.index("Greeting (EHLO)")
    assert "Try other settings" in before
    assert (page.text.count("<html"), page.text.count("<h1"), after.count("</main>")) == (1, 1, 1)
    assert page.headers["Content-Security-Policy"]
    assert administrator.submit_on(page, "save", timeout="30").status_code == 200


def test_what_was_saved_after_a_slow_test_is_said_on_its_page(
    administrator: Browser, scripted: Scripted, impatient: None
) -> None:
    server = scripted()
    fields = custom(host=server.host, port=server.port, security="none", test_recipient="eve@example.org")
    page = administrator.submit(PAGE, "test_and_use", **fields)
    assert PROGRESS in page.text
    assert "Saved and in use." in page.text


def test_errors_are_shown_although_the_page_has_begun(
    administrator: Browser, scripted: Scripted, state: AppState, impatient: None
) -> None:
    server = scripted()
    fields = custom(host=server.host, port=server.port, security="none")
    administrator.submit(PAGE, "save", **fields)
    with state.database.transaction() as session:
        row = session.get_one(MailServer, saved(state).id)
        row.sealed_secrets = {"password": {"sealed": "x", "saved_at": "2026-11-23"}}
    page = administrator.submit(PAGE, "test", test_recipient="eve@example.org")
    assert "can't be decrypted" in error_at(page, "password")


def test_a_failure_of_mailroom_itself_is_explained_although_the_page_has_begun(
    administrator: Browser, scripted: Scripted, state: AppState, impatient: None
) -> None:
    server = scripted()
    fields = custom(host=server.host, port=server.port, security="none", test_recipient="eve@example.org", test="1")
    with state.database.transaction() as session:
        session.execute(text("ALTER TABLE audit_entries RENAME TO gone"))
    page = administrator.post(PAGE, **fields)
    assert PROGRESS in page.text
    assert "Temporarily unavailable" in page.text or "Something went wrong on our side" in page.text
