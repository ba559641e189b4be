"""The Webhook page."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select, text

from tests.support.browser import Browser
from tests.support.certificates import Authority
from tests.support.receiver import Receiver
from tests.support.scripted import ScriptedServer
from webapp.audit.models import AuditEntry
from webapp.core.app_state import AppState
from webapp.webhooks import audit_events

PAGE = "/settings/webhook"

pytestmark = pytest.mark.one_database

Enqueue = Callable[[str], None]
Deliver = Callable[[], None]


def shown_secret(page: str) -> str:
    found = re.search(r'value="(whsec_[^"]+)"', page)
    return found[1] if found else ""


def test_saving_a_url_creates_a_secret_that_is_shown_once(
    administrator: Browser, receiver: Receiver, enqueue: Enqueue, deliver: Deliver
) -> None:
    page = administrator.submit(PAGE, webhook_url=f" {receiver.url} ")
    secret = shown_secret(page.text)
    assert secret not in administrator.get(PAGE).text
    enqueue("test.happened")
    deliver()
    assert receiver.received[0].is_signed_with(secret)


def test_saving_another_url_keeps_the_secret(administrator: Browser, secret: str) -> None:
    page = administrator.submit(PAGE, webhook_url="https://alerts.example/hook")
    assert "Saved." in page.text
    assert "whsec_" not in page.text
    assert 'value="https://alerts.example/hook"' in page.text


def test_a_new_secret_is_shown_once(administrator: Browser, secret: str) -> None:
    renewed = shown_secret(administrator.submit(PAGE, button="renew").text)
    assert renewed not in ("", secret)
    assert "whsec_" not in administrator.get(PAGE).text


def test_an_invalid_url_is_rejected_at_its_field(administrator: Browser) -> None:
    page = administrator.submit(PAGE, webhook_url="http://alerts.example/")
    assert "Enter a full URL that starts with https://" in page.text
    assert 'value="http://alerts.example/"' in page.text


def test_a_test_event_is_sent_at_once(administrator: Browser, receiver: Receiver, secret: str) -> None:
    page = administrator.submit(PAGE, button="test")
    assert "Test event delivered." in page.text
    (request,) = receiver.received
    assert request.is_signed_with(secret)
    assert (request.event["type"], request.event["data"]["url"]) == (
        "webhook.test",
        "https://mailroom.example/settings/mail",
    )


def test_a_failed_test_shows_the_status_and_nothing_else_of_the_reply(
    administrator: Browser, receiver: Receiver, secret: str
) -> None:
    receiver.answers = [302]
    page = administrator.submit(PAGE, button="test")
    assert "The test event couldn&#39;t be delivered. The receiver replied with status 302." in page.text
    assert "elsewhere" not in page.text
    assert len(receiver.received) == 1


def test_the_page_shows_the_last_failure(
    administrator: Browser, receiver: Receiver, secret: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    receiver.answers = [503, 204]
    enqueue("mail_server.ended")
    deliver()
    page = administrator.get(PAGE).text
    assert "The last event was not delivered." in page
    assert "The receiver replied with status 503." in page
    administrator.submit(PAGE, webhook_url=receiver.url)
    deliver()
    assert "The last event was delivered on" in administrator.get(PAGE).text


def test_a_410_is_shown_until_the_url_is_saved_again(
    administrator: Browser, receiver: Receiver, secret: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    receiver.answers = [410]
    enqueue("mail_server.ended")
    deliver()
    assert "The webhook is off." in administrator.get(PAGE).text
    assert "The webhook is off." not in administrator.submit(PAGE, webhook_url=receiver.url).text


def test_an_empty_url_turns_the_webhook_off(
    administrator: Browser, receiver: Receiver, secret: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    enqueue("mail_server.ended")
    administrator.submit(PAGE, webhook_url="")
    enqueue("mail_server.resolved")
    deliver()
    assert receiver.received == []


def test_a_secret_cannot_be_created_without_a_url(administrator: Browser, secret: str) -> None:
    assert "Create a new secret" not in administrator.submit(PAGE, webhook_url="").text
    page = administrator.post(f"{PAGE}/secret").text
    assert "Save a URL first." in page
    assert "whsec_" not in page


def test_a_url_and_secret_that_no_key_opens_can_be_saved_again(
    administrator: Browser, state: AppState, receiver: Receiver, secret: str
) -> None:
    with state.database.transaction() as session:
        session.execute(text("UPDATE webhook_settings SET sealed_url = 'foreign', sealed_secret = 'foreign'"))
    page = administrator.submit(PAGE, button="test")
    assert "The URL and signing secret can" in page.text
    administrator.submit(PAGE, webhook_url=receiver.url)
    created = shown_secret(administrator.submit(PAGE, button="renew").text)
    administrator.submit(PAGE, button="test")
    assert receiver.received[0].is_signed_with(created)


def test_the_audit_trail_has_neither_url_nor_secret(
    administrator: Browser, state: AppState, receiver: Receiver
) -> None:
    administrator.submit(PAGE, webhook_url=receiver.url)
    administrator.submit(PAGE, button="test")
    with state.database.read() as session:
        recorded = {one.event: one.data for one in session.scalars(select(AuditEntry))}
    assert recorded[audit_events.WEBHOOK_SAVED.key] == {"changed": ["webhook_url"]}
    assert (recorded[audit_events.WEBHOOK_SECRET_CREATED.key], recorded[audit_events.WEBHOOK_TESTED.key]) == (
        {},
        {"passed": True},
    )


def test_a_failure_says_when_it_happened_and_when_it_is_tried_next(
    administrator: Browser, receiver: Receiver, secret: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    receiver.answers = [503]
    enqueue("mail_server.ended")
    deliver()
    page = administrator.get(PAGE).text
    assert "Last attempt: <time" in page
    assert "Next attempt: <time" in page


def test_the_page_shows_an_event_whose_failure_cannot_be_read(
    administrator: Browser, receiver: Receiver, secret: str, enqueue: Enqueue, deliver: Deliver, state: AppState
) -> None:
    receiver.answers = [503]
    enqueue("mail_server.ended")
    deliver()
    with state.database.transaction() as session:
        session.execute(text("UPDATE webhook_deliveries SET failure_params = '[1]'"))
    assert "The receiver replied with status …." in administrator.get(PAGE).text


def test_a_test_that_is_accepted_has_queued_events_tried_at_once(
    administrator: Browser, receiver: Receiver, secret: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    receiver.answers = [503]
    enqueue("mail_server.ended")
    deliver()
    administrator.submit(PAGE, button="test")
    deliver()
    assert receiver.types == ["mail_server.ended", "webhook.test", "mail_server.ended"]


def test_a_test_asks_a_receiver_that_was_gone_and_turns_the_webhook_on_if_it_accepts(
    administrator: Browser, receiver: Receiver, secret: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    receiver.answers = [410, 410]
    enqueue("mail_server.ended")
    deliver()
    assert "replied with status 410" in administrator.submit(PAGE, button="test").text
    assert "The webhook is off." in administrator.get(PAGE).text
    page = administrator.submit(PAGE, button="test").text
    assert "Test event delivered." in page
    assert "The webhook is off." not in page


def test_a_receivers_certificate_has_a_sentence_of_its_own(
    administrator: Browser, receiver: Receiver, secret: str, authority: Authority
) -> None:
    with ScriptedServer(tls="tls", certificate=authority.server("other.example")) as server:
        administrator.submit(PAGE, webhook_url=f"https://localhost:{server.port}/hook")
        page = administrator.submit(PAGE, button="test").text
    assert "The receiver&#39;s certificate was rejected." in page
    assert "The certificate is for other.example." in page
