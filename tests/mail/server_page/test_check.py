"""“Send test email” and “Check without sending”, as an administrator uses them."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.mail.page import PAGE, custom, error_at, find_saved, password, saved
from tests.support.browser import Browser
from tests.support.certificates import Authority
from tests.support.html import forms_of
from tests.support.inbox import PASSWORD, SENDER, USERNAME, Inbox, running_inbox
from tests.support.scripted import ScriptedServer
from webapp.core.app_state import AppState
from webapp.mail.doctor import limits
from webapp.mail.doctor.limits import BY_ADMINISTRATOR
from webapp.mail.models import MailServer

pytestmark = pytest.mark.one_database
RECIPIENT = "eve@example.org"
CLIENT = {"client_id": "mailroom", "token_url": "https://token.example/", "scopes": "mail.send"}


def test_a_test_uses_unsaved_values(administrator: Browser, inbox: Inbox, state: AppState) -> None:
    fields = custom(host=inbox.host, port=inbox.port, username=USERNAME, password=PASSWORD, mail_from="x@example.org")
    page = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields)
    assert f"The test email was sent to {RECIPIENT}" in page.text
    assert f"{inbox.host} accepted it in " in page.text
    assert "These settings haven't been saved yet." in page.text
    assert ">Save and use</button>" in page.text
    assert inbox.last.rcpt_to == [RECIPIENT]
    assert saved(state).mail_from == SENDER


def test_a_tested_password_need_not_be_entered_again_to_save(
    administrator: Browser, inbox: Inbox, state: AppState
) -> None:
    fields = custom(host=inbox.host, port=inbox.port, username=USERNAME, password=PASSWORD)
    page = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields)
    assert PASSWORD not in page.text
    page = administrator.submit_on(page, "tested", password="")
    assert password(state) == PASSWORD
    assert "Saved and in use." in page.text
    assert "to check that it works" not in page.text


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


def test_a_reply_that_is_not_understood_is_shown_as_text(
    administrator: Browser, scripted: Callable[..., ScriptedServer]
) -> None:
    server = scripted({"MAIL": "550 <img src=x>"})
    fields = custom(host=server.host, port=server.port, security="none", authentication="none")
    page = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields).text
    assert "The server said: “550 &lt;img src=x&gt;”" in page
    assert "<img src=x>" not in page


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


def test_a_fix_keeps_the_entered_password_and_tests_by_itself(
    administrator: Browser, authority: Authority, state: AppState
) -> None:
    with running_inbox(authority, "tls") as inbox:
        fields = custom(host=inbox.host, port=inbox.port, timeout="1", username=USERNAME, password=PASSWORD)
        failed = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields)
        assert "Nothing was saved." in failed.text
        assert f">Use port {inbox.port} with TLS and try again</button>" in failed.text
        fixed = administrator.submit_on(failed, "apply", password="")
        assert f"The test email was sent to {RECIPIENT}" in fixed.text
        assert (inbox.last.username, find_saved(state)) == (USERNAME, None)
        page = administrator.submit_on(fixed, "save", password="")
    assert "Saved and in use." in page.text
    assert (saved(state).port, saved(state).security, password(state)) == (inbox.port, "tls", PASSWORD)


@pytest.mark.parametrize(
    "forged",
    [{"host": "smtp.attacker.example"}, {"apply": "port=6666"}, {"apply": "security=none"}, {"apply": "username=eve"}],
)
def test_an_entered_password_follows_no_fix_that_was_not_offered(
    forged: dict[str, str], administrator: Browser, scripted: Callable[..., ScriptedServer]
) -> None:
    server = scripted(tls="tls")
    fields = custom(host=server.host, port=server.port, timeout="1")
    failed = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields)
    [form] = [form for form in forms_of(failed.text) if "apply" in form.buttons]
    values: dict[str, Any] = dict([*form.values, form.buttons["apply"]]) | {"password": ""}
    page = administrator.post(PAGE, **values | forged)
    assert error_at(page, "password")
    assert "AUTH" not in server.commands


@pytest.mark.parametrize("forged", [{}, {"apply": "port=6666"}, {"host": "127.0.0.1"}])
def test_a_saved_password_follows_the_fix_that_was_offered_and_no_other(
    forged: dict[str, str], administrator: Browser, scripted: Callable[..., ScriptedServer]
) -> None:
    server = scripted(tls="tls")
    administrator.submit(PAGE, "save", **custom(host=server.host, port=server.port, timeout="1"))
    failed = administrator.submit(PAGE, "check", test_recipient=RECIPIENT)
    [form] = [form for form in forms_of(failed.text) if "apply" in form.buttons]
    values: dict[str, Any] = dict([*form.values, form.buttons["apply"]])
    page = administrator.post(PAGE, **values | forged)
    assert ("Nothing was sent." in page.text, "AUTH" in server.commands) == (not forged, not forged)
    assert bool(error_at(page, "password")) == bool(forged)
    assert "DATA" not in server.commands


def test_the_ports_that_were_tried_in_vain_are_shown_once_for_each_thing_that_happened(
    administrator: Browser, scripted: Callable[..., ScriptedServer]
) -> None:
    server = scripted(mechanisms="")
    fields = custom(host=server.host, port=server.port, timeout="1")
    failed = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields)
    tried = failed.text.partition("What was tried")[2].partition("</table>")[0]
    for port in (f"{server.port} (TLS)", "587 (STARTTLS)", "465 (TLS)", "2525 (STARTTLS)", "2465 (TLS)"):
        assert f">{port} " in tried
    assert tried.count("Connection refused") == 1
    assert 'name="apply"' not in failed.text


def test_a_check_without_sending_stops_before_the_message(administrator: Browser, inbox: Inbox) -> None:
    page = administrator.submit(PAGE, "check", test_recipient=RECIPIENT)
    assert "The mail server accepts email. Nothing was sent." in page.text
    assert "Sender (MAIL FROM)" in page.text
    assert "Message (DATA)" not in page.text
    assert inbox.messages == []
    assert "Mail server check passed" in administrator.get("/audit").text


def test_an_administrator_can_check_twenty_times_in_ten_minutes(
    administrator: Browser, scripted: Callable[..., ScriptedServer], state: AppState
) -> None:
    server = scripted({"AUTH": "535 5.7.8 No"})
    fields = custom(host=server.host, port=server.port, security="none", test_recipient=RECIPIENT)
    with state.database.transaction() as session:
        for _ in range(BY_ADMINISTRATOR.times - 1):
            limits.count(session, 1)
    assert administrator.submit(PAGE, "check", **fields).status_code == 200
    refused = administrator.submit(PAGE, "check", **fields | {"timeout": "33"})
    assert (refused.status_code, error_at(refused, "test_recipient")) == (
        429, "Too many attempts. Try again in 1 minute.",
    )  # fmt: skip
    assert 'value="33"' in refused.text
    assert server.connections == 1


def test_a_forged_fix_changes_only_the_form_on_the_page(administrator: Browser) -> None:
    fields = custom(apply="csrf_token=x&password=x&provider=nobody&port=99999999999&a")
    assert administrator.post(PAGE, **fields).status_code == 200


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_without_authentication_is_not_called_unencrypted(
    security: Any, administrator: Browser, scripted: Callable[..., ScriptedServer]
) -> None:
    server = scripted(tls=security, mechanisms="")
    fields = custom(host=server.host, port=server.port, security=security, timeout="1")
    page = administrator.submit(PAGE, "test", test_recipient=RECIPIENT, **fields)
    assert "This server offers no authentication here" in page.text
    assert 'name="apply"' not in page.text


def test_a_test_goes_only_to_who_may_get_email(administrator: Browser, inbox: Inbox) -> None:
    administrator.submit("/settings/general", send_to="domains", send_to_domains="example.org")
    page = administrator.submit(PAGE, "test", test_recipient="eve@example.com")
    assert error_at(page, "test_recipient").startswith("Email to this address is not allowed")
    assert "Nothing was sent." in administrator.submit(PAGE, "check", test_recipient="eve@example.com").text
    assert not inbox.messages
    administrator.submit(PAGE, "test", test_recipient=RECIPIENT)
    assert inbox.last.rcpt_to == [RECIPIENT]
