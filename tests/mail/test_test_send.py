"""“Send test mail”, as an administrator uses it."""

import re
import time
from collections.abc import Callable

import pytest

from tests.mail.page import PAGE, custom, error_at, password, saved
from tests.support.browser import Browser
from tests.support.inbox import PASSWORD, SENDER, USERNAME, Inbox
from tests.support.scripted import ScriptedServer
from webapp.core.app_state import AppState
from webapp.mail import servers
from webapp.mail.models import MailServer


@pytest.mark.one_database
def test_a_test_goes_to_the_recipient_of_choice_from_unsaved_values(
    administrator: Browser, inbox: Inbox, parts: AppState
) -> None:
    fields = custom(host=inbox.host, port=inbox.port, username=USERNAME, password=PASSWORD, mail_from="x@example.org")
    answer = administrator.submit(PAGE, "test", test_recipient="eve@example.org", **fields)
    assert "The test email is on its way to eve@example.org" in answer.text
    assert "These settings are not saved yet." in answer.text
    assert inbox.last.rcpt_to == ["eve@example.org"]
    assert saved(parts).mail_from == SENDER


@pytest.mark.one_database
def test_a_tested_password_need_not_be_typed_again_to_save(
    administrator: Browser, inbox: Inbox, parts: AppState
) -> None:
    fields = custom(host=inbox.host, port=inbox.port, username=USERNAME, password=PASSWORD)
    tested = administrator.submit(PAGE, "test", test_recipient="eve@example.org", **fields)
    assert PASSWORD not in tested.text
    administrator.submit_on(tested, "save", password="")
    assert password(parts) == PASSWORD


@pytest.mark.one_database
def test_a_typed_password_is_there_again_when_its_provider_is(administrator: Browser, parts: AppState) -> None:
    away = administrator.submit(PAGE, "choose", **custom(provider="google"))
    assert "Typed just now" not in away.text
    back = administrator.submit_on(away, "choose", provider="custom")
    assert "Typed just now" in back.text
    administrator.submit_on(back, "save")
    assert password(parts) == "first-password"


@pytest.mark.one_database
def test_a_typed_password_is_not_sent_to_another_server_and_the_page_says_what_changed(administrator: Browser) -> None:
    typed = administrator.submit(PAGE, "save", **custom(port="0"))
    answer = administrator.submit_on(typed, "test", port="25", host="smtp.attacker.example", password="")
    assert "unless you change where it goes" in typed.text
    assert error_at(answer, "password").endswith("and this changed: Host and Port.")


@pytest.mark.one_database
def test_a_failed_test_shows_cause_steps_words_and_conversation(
    administrator: Browser, scripted: Callable[..., ScriptedServer]
) -> None:
    server = scripted({"AUTH": "535 5.7.8 Error: authentication failed: <script>"})
    fields = custom(host=server.host, port=server.port, security="none", password="geheim-geheim")
    answer = administrator.submit(PAGE, "test", test_recipient="eve@example.org", **fields)
    assert "<dialog open" in answer.text
    assert "does not accept the user name with this password" in answer.text
    assert "535 5.7.8 Error: authentication failed: &lt;script&gt;" in answer.text
    assert "AUTH PLAIN ••••••" in answer.text
    assert "geheim-geheim" not in answer.text
    assert re.search(r'stage-time">\d+ ms', answer.text)


CLIENT = {"client_id": "mailroom", "token_url": "https://token.example/", "scopes": "mail.send"}


@pytest.mark.parametrize(
    ("secret", "fields"),
    [("password", {}), ("client_secret", {"authentication": "client_credentials", **CLIENT})],
)
@pytest.mark.one_database
def test_a_secret_that_does_not_open_any_more_is_asked_for_and_then_not_needed(
    secret: str,
    fields: dict[str, str],
    administrator: Browser,
    scripted: Callable[..., ScriptedServer],
    parts: AppState,
) -> None:
    server = scripted({"EHLO": "421 4.3.2 Service not active"})
    fields = custom(host=server.host, port=server.port, security="none", timeout="1", **fields)
    administrator.submit(PAGE, "save", **fields | {secret: "first-secret"})
    with parts.database.transaction() as session:
        session.get_one(MailServer, saved(parts).id).sealed_secrets = {
            secret: {"sealed": "x", "saved_at": "2026-11-23"}
        }
    page = administrator.submit(PAGE, "test", test_recipient="eve@example.org", **fields | {secret: ""})
    assert "cannot be opened" in error_at(page, secret)
    page = administrator.submit(PAGE, "test", test_recipient="eve@example.org", **fields | {secret: "second-secret"})
    assert "<dialog open" in page.text


@pytest.mark.one_database
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
    answer = administrator.submit(PAGE, "test", **custom(test_recipient=recipient))
    assert error_at(answer, "test_recipient")


@pytest.mark.one_database
def test_a_suggestion_is_filled_in_with_a_click_and_saves_nothing(
    administrator: Browser, scripted: Callable[..., ScriptedServer], parts: AppState
) -> None:
    server = scripted(tls="tls", stall_at="GREETING")
    fields = custom(host=server.host, port=server.port, security="starttls", timeout="1", username="typed@example.org")
    failed = administrator.submit(PAGE, "test", test_recipient="eve@example.org", **fields)
    assert "Use Security: TLS and Port: 465" in failed.text
    corrected = administrator.submit_on(failed, "apply")
    assert 'value="465"' in corrected.text
    assert 'value="typed@example.org"' in corrected.text
    with parts.database.read() as session:
        assert servers.primary(session) is None


@pytest.mark.one_database
def test_a_forged_suggestion_changes_only_the_form_in_hand(administrator: Browser) -> None:
    answer = administrator.post(PAGE, **custom(apply="csrf_token=x&password=x&provider=nobody&port=99999999999&a"))
    assert answer.status_code == 200


@pytest.mark.one_database
def test_a_server_that_ignores_the_goodbye_keeps_nobody_waiting(
    administrator: Browser, scripted: Callable[..., ScriptedServer]
) -> None:
    started = time.monotonic()
    server = scripted(stall_at="QUIT")
    fields = custom(host=server.host, port=server.port, security="none", timeout="60")
    answer = administrator.submit(PAGE, "test", test_recipient="eve@example.org", **fields)
    assert "is on its way" in answer.text
    assert time.monotonic() - started < 20
