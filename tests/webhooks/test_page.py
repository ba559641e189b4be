"""The Webhook page."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select, text

from tests.support.browser import Browser
from tests.support.receiver import Receiver
from webapp.audit.models import AuditEntry
from webapp.core.app_state import AppState
from webapp.webhooks import events, service

PAGE = "/settings/webhook"

pytestmark = pytest.mark.one_database


def shown_secret(page: str) -> str:
    found = re.search(r'value="(whsec_[^"]+)"', page)
    return found[1] if found else ""


def test_saving_an_address_makes_a_secret_that_is_shown_once(
    administrator: Browser, receiver: Receiver, owe: Callable[[str], None], deliver: Callable[[], None]
) -> None:
    page = administrator.submit(PAGE, webhook_url=f" {receiver.url} ")
    secret = shown_secret(page.text)
    assert secret not in administrator.get(PAGE).text
    owe("test.happened")
    deliver()
    assert receiver.received[0].is_signed_with(secret)


def test_another_address_keeps_the_secret(administrator: Browser, secret: str) -> None:
    page = administrator.submit(PAGE, webhook_url="https://alerts.example/hook")
    assert "Saved." in page.text
    assert "whsec_" not in page.text
    assert 'value="https://alerts.example/hook"' in page.text


def test_a_new_secret_is_shown_once(administrator: Browser, secret: str) -> None:
    renewed = shown_secret(administrator.submit(PAGE, button="renew").text)
    assert renewed not in ("", secret)
    assert "whsec_" not in administrator.get(PAGE).text


BAD = [
    "http://alerts.example/",
    "ftp://x",
    "alerts.example",
    "https://",
    "https://me:secret@alerts.example/",
    "https://ä.example",
]


@pytest.mark.parametrize("address", BAD)
def test_what_is_no_address_for_events_is_refused_beside_its_field(administrator: Browser, address: str) -> None:
    page = administrator.submit(PAGE, webhook_url=address)
    assert "Enter a whole address that starts with https://" in page.text
    assert f'value="{address}"' in page.text


def test_a_test_event_is_sent_at_once(administrator: Browser, receiver: Receiver, secret: str) -> None:
    page = administrator.submit(PAGE, button="test")
    assert "Test event delivered." in page.text
    (request,) = receiver.received
    assert request.is_signed_with(secret)
    assert (request.event["type"], request.event["data"]["url"]) == (
        "webhook.test",
        "https://mailroom.example/settings/mail",
    )


def test_a_test_says_what_went_wrong_and_not_what_the_receiver_said(
    administrator: Browser, receiver: Receiver, secret: str
) -> None:
    receiver.answers = [302]
    page = administrator.submit(PAGE, button="test")
    assert "The test event was not delivered. The receiver replied with status 302." in page.text
    assert "elsewhere" not in page.text
    assert len(receiver.received) == 1


def test_the_last_failure_stands_on_the_page(
    administrator: Browser,
    receiver: Receiver,
    secret: str,
    owe: Callable[[str], None],
    deliver: Callable[[], None],
) -> None:
    receiver.answers = [503, 204]
    owe("mail_server.ended")
    deliver()
    page = administrator.get(PAGE).text
    assert "The last event was not delivered." in page
    assert "The receiver replied with status 503." in page
    administrator.submit(PAGE, webhook_url=receiver.url)
    deliver()
    assert "The last event was delivered on" in administrator.get(PAGE).text


def test_a_receiver_that_is_gone_stands_on_the_page_until_the_address_is_saved(
    administrator: Browser, receiver: Receiver, secret: str, owe: Callable[[str], None], deliver: Callable[[], None]
) -> None:
    receiver.answers = [410]
    owe("mail_server.ended")
    deliver()
    assert "The webhook is off." in administrator.get(PAGE).text
    assert "The webhook is off." not in administrator.submit(PAGE, webhook_url=receiver.url).text


def test_an_empty_address_tells_nobody_any_more(
    administrator: Browser, receiver: Receiver, secret: str, owe: Callable[[str], None], deliver: Callable[[], None]
) -> None:
    owe("mail_server.ended")
    administrator.submit(PAGE, webhook_url="")
    owe("mail_server.resolved")
    deliver()
    assert receiver.received == []


def test_without_an_address_there_is_no_secret_to_make(administrator: Browser, secret: str) -> None:
    assert "Create a new secret" not in administrator.submit(PAGE, webhook_url="").text
    page = administrator.post(f"{PAGE}/secret").text
    assert "Save a URL first." in page
    assert "whsec_" not in page


def test_address_and_secrets_are_saved_sealed(parts: AppState, receiver: Receiver, secret: str) -> None:
    with parts.database.transaction() as session:
        renewed = service.renew_secret(session, parts.sealer)
    with parts.database.read() as session:
        row = repr(session.execute(text("SELECT * FROM webhook_settings")).all())
    assert not any(one in row for one in (secret, renewed, "whsec_", "127.0.0.1"))


def test_what_no_key_opens_is_told_and_can_be_saved_anew(
    administrator: Browser, parts: AppState, receiver: Receiver, secret: str
) -> None:
    with parts.database.transaction() as session:
        session.execute(text("UPDATE webhook_settings SET sealed_url = 'foreign', sealed_secret = 'foreign'"))
    page = administrator.submit(PAGE, button="test")
    assert "Address and signing secret cannot be opened" in page.text
    administrator.submit(PAGE, webhook_url=receiver.url)
    made = shown_secret(administrator.submit(PAGE, button="renew").text)
    administrator.submit(PAGE, button="test")
    assert receiver.received[0].is_signed_with(made)


def test_the_trail_tells_it_without_address_and_secret(
    administrator: Browser, parts: AppState, receiver: Receiver
) -> None:
    administrator.submit(PAGE, webhook_url=receiver.url)
    administrator.submit(PAGE, button="test")
    with parts.database.read() as session:
        told = {one.event: one.facts for one in session.scalars(select(AuditEntry))}
    assert told[events.WEBHOOK_SAVED.key] == {"changed": ["webhook_url"]}
    assert (told[events.WEBHOOK_SECRET_CREATED.key], told[events.WEBHOOK_TESTED.key]) == ({}, {"passed": True})


def test_members_are_refused(member: Browser) -> None:
    assert member.get(PAGE).status_code == 403
    assert member.post(f"{PAGE}/secret").status_code == 403
