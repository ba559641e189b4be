"""The Webhooks pages."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select, text

from tests.support.applications import add_application
from tests.support.browser import Browser
from tests.support.certificates import Authority
from tests.support.receiver import Receiver
from tests.support.scripted import ScriptedServer
from webapp.audit.models import AuditEntry
from webapp.core.app_state import AppState
from webapp.webhooks import audit_events
from webapp.webhooks.models import Webhook
from webapp.webhooks.routes import TESTS

LIST, NEW = "/settings/webhooks", "/settings/webhooks/new"

pytestmark = pytest.mark.one_database

Enqueue = Callable[[str], None]
Deliver = Callable[[], None]


@pytest.fixture
def page(webhook: Webhook) -> str:
    """The path of the webhook's page."""
    return f"{LIST}/{webhook.id}"


def shown_secret(page: str) -> str:
    found = re.search(r'value="(whsec_[^"]+)"', page)
    return found[1] if found else ""


def test_an_empty_list_says_what_a_webhook_is_for_and_the_former_page_leads_to_it(administrator: Browser) -> None:
    page = administrator.get("/settings/webhook").text
    assert "A webhook tells another program what happens" in page
    assert f'href="{NEW}"' in page


def test_a_new_webhook_shows_its_secret_once_and_sends_what_was_chosen(
    administrator: Browser, receiver: Receiver, enqueue: Enqueue, deliver: Deliver
) -> None:
    chosen = {"webhook_scope": "chosen", "webhook_events": "mail_server.stopped"}
    page = administrator.submit(NEW, webhook_name="Pager", webhook_url=f" {receiver.url} ", **chosen)
    secret = shown_secret(page.text)
    assert secret not in administrator.get(f"{LIST}/1").text
    for event_type in ("mail_server.stopped", "mail_server.recovered"):
        enqueue(event_type)
    deliver()
    assert receiver.types == ["mail_server.stopped"]
    assert receiver.received[0].is_signed_with(secret)


def test_the_list_shows_where_each_webhook_sends_what_and_how_it_does(
    administrator: Browser, state: AppState, receiver: Receiver, webhook: Webhook, enqueue: Enqueue, deliver: Deliver
) -> None:
    add_application(state.database, "Shop")
    fields = {"webhook_name": "Of the shop", "webhook_url": "https://shop.example/secret", "webhook_application": "1"}
    administrator.submit(NEW, **fields, webhook_scope="chosen", webhook_events="message.failed")
    receiver.answers = [503]
    enqueue("mail_server.stopped")
    deliver()
    page = administrator.get(LIST).text
    assert all(one in page for one in ("Pager", "Of the shop", "shop.example", "message.failed", "Shop", "Failing"))
    assert "The receiver replied with status 503." in page
    assert "/secret" not in page


def test_the_page_of_a_webhook_keeps_its_secret_when_it_is_saved(administrator: Browser, page: str) -> None:
    saved = administrator.submit(page, webhook_url="https://alerts.example/hook")
    assert "Saved." in saved.text
    assert "whsec_" not in saved.text
    assert 'value="https://alerts.example/hook"' in saved.text


def test_a_new_secret_is_shown_once(administrator: Browser, secret: str, page: str) -> None:
    renewed = shown_secret(administrator.submit(page, button="renew").text)
    assert renewed not in ("", secret)
    assert "whsec_" not in administrator.get(page).text


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"webhook_url": "http://alerts.example/"}, "Enter a full URL that starts with https://"),
        ({"webhook_name": ""}, "Enter a name."),
        ({"webhook_name": "Pager"}, "Another webhook has this name."),
        ({"webhook_scope": "chosen"}, "Select at least one event."),
        (
            {"webhook_scope": "chosen", "webhook_events": "mail_server.stopped", "webhook_application": "1"},
            "mail_server.stopped is sent only to webhooks of all applications.",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_what_was_entered_is_kept(
    administrator: Browser, state: AppState, webhook: Webhook, fields: dict[str, str], error: str
) -> None:
    add_application(state.database, "Shop")
    usual = {"webhook_name": "Typed", "webhook_url": "https://typed.example/", "webhook_scope": "all"}
    page = administrator.submit(NEW, **(usual | fields)).text
    assert error in page
    assert all(f'value="{value}"' in page for value in (usual | fields).values())


def test_an_event_that_is_not_there_is_refused(administrator: Browser, state: AppState) -> None:
    add_application(state.database, "Shop")
    fields = {"webhook_name": "Typed", "webhook_url": "https://typed.example/", "webhook_scope": "chosen"}
    page = administrator.submit(NEW, **fields, webhook_events="no.such", webhook_application="1")
    assert "is not a valid choice for this field." in page.text


def test_a_webhook_that_is_off_gets_nothing_until_it_is_turned_on(
    administrator: Browser, receiver: Receiver, page: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    enqueue("test.waiting")
    assert "The webhook is off." in administrator.submit(page, button="off").text
    enqueue("test.missed")
    administrator.submit(page, button="on")
    enqueue("test.happened")
    deliver()
    assert receiver.types == ["test.happened"]


def test_a_deleted_webhook_gets_nothing(
    administrator: Browser, receiver: Receiver, page: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    enqueue("test.waiting")
    assert "The webhook has been deleted." in administrator.submit(f"{page}/delete", button="sure").text
    deliver()
    assert receiver.received == []
    assert administrator.get(page).status_code == 404


def test_a_test_event_is_sent_at_once(administrator: Browser, receiver: Receiver, secret: str, page: str) -> None:
    shown = administrator.submit(page, button="test")
    assert "Test event delivered." in shown.text
    (request,) = receiver.received
    assert request.is_signed_with(secret)
    assert (request.event["type"], request.event["data"]["url"]) == (
        "webhook.test",
        "https://mailroom.example/settings/mail",
    )


def test_a_failed_test_shows_the_status_and_nothing_else_of_the_reply(
    administrator: Browser, receiver: Receiver, page: str
) -> None:
    receiver.answers = [302]
    shown = administrator.submit(page, button="test")
    assert "The test event couldn&#39;t be delivered. The receiver replied with status 302." in shown.text
    assert "elsewhere" not in shown.text
    assert len(receiver.received) == 1


def test_tests_are_limited_so_that_nobody_scans_networks_with_them(
    administrator: Browser, receiver: Receiver, page: str
) -> None:
    statuses = [administrator.submit(page, button="test").status_code for _ in range(TESTS.times + 1)]
    assert statuses[-2:] == [200, 429]
    assert len(receiver.types) == TESTS.times


def test_the_page_shows_the_last_failure(
    administrator: Browser, receiver: Receiver, page: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    receiver.answers = [503, 204]
    enqueue("mail_server.ended")
    deliver()
    shown = administrator.get(page).text
    assert "The last event was not delivered." in shown
    assert "The receiver replied with status 503." in shown
    administrator.submit(page, webhook_url=receiver.url)
    deliver()
    assert "The last event was delivered on" in administrator.get(page).text


def test_a_410_is_shown_until_the_url_is_saved_again(
    administrator: Browser, receiver: Receiver, page: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    receiver.answers = [410]
    enqueue("mail_server.ended")
    deliver()
    assert "The webhook is off." in administrator.get(page).text
    assert "The webhook is off." not in administrator.submit(page, webhook_url=receiver.url).text


def test_a_url_and_secret_that_no_key_opens_can_be_saved_again(
    administrator: Browser, state: AppState, receiver: Receiver, page: str
) -> None:
    with state.database.transaction() as session:
        session.execute(text("UPDATE webhooks SET sealed_url = 'foreign', sealed_secret = 'foreign'"))
    shown = administrator.submit(page, button="test")
    assert "The URL and signing secret can" in shown.text
    administrator.submit(page, webhook_url=receiver.url)
    created = shown_secret(administrator.submit(page, button="renew").text)
    administrator.submit(page, button="test")
    assert receiver.received[0].is_signed_with(created)


def test_the_audit_trail_names_the_webhook_and_has_neither_url_nor_secret(
    administrator: Browser, state: AppState, page: str
) -> None:
    administrator.submit(page, webhook_url="https://other.example/", webhook_name="Chat")
    for button in ("test", "renew", "off", "on"):
        administrator.submit(page, button=button)
    administrator.submit(f"{page}/delete", button="sure")
    with state.database.read() as session:
        recorded = {one.event: one.data for one in session.scalars(select(AuditEntry)) if "webhook" in one.event}
    assert recorded.pop(audit_events.WEBHOOK_CREATED.key) == {"webhook": "Pager"}
    saved = {"webhook": "Chat", "changed": ["webhook_name", "webhook_url"]}
    assert recorded.pop(audit_events.WEBHOOK_SAVED.key) == saved
    assert recorded.pop(audit_events.WEBHOOK_TESTED.key) == {"webhook": "Chat", "passed": False}
    assert len(recorded) == 4
    assert all(data == {"webhook": "Chat"} for data in recorded.values())


def test_a_failure_says_when_it_happened_and_when_it_is_tried_next(
    administrator: Browser, receiver: Receiver, page: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    receiver.answers = [503]
    enqueue("mail_server.ended")
    deliver()
    shown = administrator.get(page).text
    assert "Last attempt: <time" in shown
    assert "Next attempt: <time" in shown


def test_the_page_shows_an_event_whose_failure_cannot_be_read(
    administrator: Browser, receiver: Receiver, page: str, enqueue: Enqueue, deliver: Deliver, state: AppState
) -> None:
    receiver.answers = [503]
    enqueue("mail_server.ended")
    deliver()
    with state.database.transaction() as session:
        session.execute(text("UPDATE webhook_deliveries SET failure_params = '[1]'"))
    assert "The receiver replied with status …." in administrator.get(page).text


def test_a_test_that_is_accepted_has_queued_events_tried_at_once(
    administrator: Browser, receiver: Receiver, page: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    receiver.answers = [503]
    enqueue("mail_server.ended")
    deliver()
    administrator.submit(page, button="test")
    deliver()
    assert receiver.types == ["mail_server.ended", "webhook.test", "mail_server.ended"]


def test_a_test_asks_a_receiver_that_was_gone_and_turns_the_webhook_on_if_it_accepts(
    administrator: Browser, receiver: Receiver, page: str, enqueue: Enqueue, deliver: Deliver
) -> None:
    receiver.answers = [410, 410]
    enqueue("mail_server.ended")
    deliver()
    assert "replied with status 410" in administrator.submit(page, button="test").text
    assert "The webhook is off." in administrator.get(page).text
    shown = administrator.submit(page, button="test").text
    assert "Test event delivered." in shown
    assert "The webhook is off." not in shown


def test_a_receivers_certificate_has_a_sentence_of_its_own(
    administrator: Browser, receiver: Receiver, page: str, authority: Authority
) -> None:
    with ScriptedServer(tls="tls", certificate=authority.server("other.example")) as server:
        administrator.submit(page, webhook_url=f"https://localhost:{server.port}/hook")
        shown = administrator.submit(page, button="test").text
    assert "The receiver&#39;s certificate was rejected." in shown
    assert "The certificate is for other.example." in shown
