"""“Send test mail”, as an administrator uses it."""

import re
from collections.abc import Callable

import pytest

from tests.mail.page import PAGE, custom, error_at, password, saved
from tests.support.browser import Browser
from tests.support.inbox import PASSWORD, SENDER, USERNAME, Inbox
from tests.support.scripted import ScriptedServer
from webapp.context import Parts


@pytest.mark.one_database
def test_a_test_goes_to_the_recipient_of_choice_from_unsaved_values(
    administrator: Browser, inbox: Inbox, parts: Parts
) -> None:
    fields = custom(host=inbox.host, port=inbox.port, username=USERNAME, password=PASSWORD, mail_from="x@example.org")
    answer = administrator.submit(PAGE, "test", test_recipient="eve@example.org", **fields)
    assert "The test mail is on its way to eve@example.org" in answer.text
    assert inbox.last.rcpt_to == ["eve@example.org"]
    assert saved(parts).mail_from == SENDER


@pytest.mark.one_database
def test_a_tested_password_need_not_be_typed_again_to_save(administrator: Browser, inbox: Inbox, parts: Parts) -> None:
    fields = custom(host=inbox.host, port=inbox.port, username=USERNAME, password=PASSWORD)
    tested = administrator.submit(PAGE, "test", test_recipient="eve@example.org", **fields)
    assert PASSWORD not in tested.text
    administrator.submit_on(tested, "save", password="")
    assert password(parts) == PASSWORD


@pytest.mark.one_database
def test_a_typed_password_is_not_sent_to_another_server(administrator: Browser) -> None:
    typed = administrator.submit(PAGE, "save", **custom(port="0"))
    answer = administrator.submit_on(typed, "test", port="25", host="smtp.attacker.example", password="")
    assert "Enter this" in error_at(answer, "password")


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
