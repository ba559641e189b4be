"""“Send test email”, as an administrator uses it."""

import re
from collections.abc import Callable

import pytest

from tests.mail.page import PAGE, custom, error_at, find_saved, password, saved
from tests.support.browser import Browser
from tests.support.inbox import PASSWORD, SENDER, USERNAME, Inbox
from tests.support.scripted import ScriptedServer
from webapp.core.app_state import AppState
from webapp.mail.models import MailServer

pytestmark = pytest.mark.one_database
RECIPIENT = "eve@example.org"
CLIENT = {"client_id": "mailroom", "token_url": "https://token.example/", "scopes": "mail.send"}


def test_a_test_uses_unsaved_values(administrator: Browser, inbox: Inbox, state: AppState) -> None:
    fields = custom(host=inbox.host, port=inbox.port, username=USERNAME, password=PASSWORD, mail_from="x@example.org")
    page = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields)
    assert f"The test email is on its way to {RECIPIENT}" in page.text
    assert f"{inbox.host} accepted it in " in page.text
    assert "These settings haven't been saved yet." in page.text
    assert inbox.last.rcpt_to == [RECIPIENT]
    assert saved(state).mail_from == SENDER


def test_a_tested_password_need_not_be_entered_again_to_save(
    administrator: Browser, inbox: Inbox, state: AppState
) -> None:
    fields = custom(host=inbox.host, port=inbox.port, username=USERNAME, password=PASSWORD)
    page = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields)
    assert PASSWORD not in page.text
    administrator.submit_on(page, "save", password="")
    assert password(state) == PASSWORD


def test_a_failed_test_shows_cause_reply_and_transcript(
    administrator: Browser, scripted: Callable[..., ScriptedServer]
) -> None:
    server = scripted({"AUTH": "535 5.7.8 Error: authentication failed: <script>"})
    fields = custom(host=server.host, port=server.port, security="none", password="geheim-geheim")
    page = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields)
    assert "<dialog open" in page.text
    assert "535 5.7.8 Error: authentication failed: &lt;script&gt;" in page.text
    assert "AUTH PLAIN ••••••" in page.text
    assert "geheim-geheim" not in page.text
    assert re.search(r'stage-time">\d+ ms', page.text)


@pytest.mark.parametrize(
    ("secret", "fields"),
    [("password", {}), ("client_secret", {"authentication": "client_credentials", **CLIENT})],
)
def test_a_saved_secret_that_cannot_be_unsealed_is_asked_for(
    secret: str,
    fields: dict[str, str],
    administrator: Browser,
    scripted: Callable[..., ScriptedServer],
    state: AppState,
) -> None:
    server = scripted({"EHLO": "421 4.3.2 Service not active"})
    fields = custom(host=server.host, port=server.port, security="none", timeout="1", **fields)
    administrator.submit(PAGE, "save", **fields | {secret: "first-secret"})
    with state.database.transaction() as session:
        row = session.get_one(MailServer, saved(state).id)
        row.sealed_secrets = {secret: {"sealed": "x", "saved_at": "2026-11-23"}}
    page = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields | {secret: ""})
    assert "can't be decrypted" in error_at(page, secret)
    page = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields | {secret: "second-secret"})
    assert "<dialog open" in page.text


@pytest.mark.parametrize(
    "recipient",
    [
        "nobody",
        "a@example.org, b@example.org",
        "a@example.org\nBcc: b@example.org",
        "=?utf-8?q?=0d=0aBcc=3ab=40example=2eorg=0d=0aX=3a?=@example.org",
    ],
)
def test_a_test_needs_one_recipient(recipient: str, administrator: Browser) -> None:
    page = administrator.submit(PAGE, "test", **custom(test_recipient=recipient))
    assert error_at(page, "test_recipient")


def test_a_suggestion_is_filled_in_with_a_click_and_saves_nothing(
    administrator: Browser, scripted: Callable[..., ScriptedServer], state: AppState
) -> None:
    server = scripted(tls="tls", stall_at="GREETING")
    fields = custom(host=server.host, port=server.port, security="starttls", timeout="1", username="typed@example.org")
    failed = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields)
    assert "Use TLS on port 465" in failed.text
    page = administrator.submit_on(failed, "apply")
    assert 'value="465"' in page.text
    assert 'value="typed@example.org"' in page.text
    assert find_saved(state) is None


def test_the_suggestion_of_a_single_value_names_its_field(
    administrator: Browser, scripted: Callable[..., ScriptedServer]
) -> None:
    server = scripted({"MAIL": "530 5.7.0 Must issue a STARTTLS command first"})
    fields = custom(host=server.host, port=server.port, security="none")
    failed = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields)
    assert ">Set Security to STARTTLS</button>" in failed.text


def test_a_forged_suggestion_changes_only_the_form_on_the_page(administrator: Browser) -> None:
    fields = custom(apply="csrf_token=x&password=x&provider=nobody&port=99999999999&a")
    assert administrator.post(PAGE, **fields).status_code == 200
