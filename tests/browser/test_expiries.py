"""An administrator is warned of a certificate that expires, and so is a webhook, in a real browser."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.browser.serving import Site
from tests.browser.test_audit import become_administrator
from tests.browser.walker import Walker
from tests.support.certificates import Authority
from tests.support.inbox import PASSWORD, SENDER, USERNAME, Inbox
from tests.support.receiver import Receiver, running_receiver
from webapp.core import clock


@pytest.fixture
def expiring(authority: Authority) -> Iterator[Inbox]:
    """A mail server whose certificate expires in three days."""
    context = authority.server(until=clock.now() + timedelta(days=3))
    # In another thread, because Playwright runs in this one.
    with ThreadPoolExecutor(1) as pool:
        inbox = pool.submit(Inbox, context).result()
    yield inbox
    inbox.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An application that receives webhook events."""
    with running_receiver() as receiver:
        yield receiver


def test_an_expiring_certificate_is_shown_and_posted_to_the_webhook(
    walker: Walker, site: Site, expiring: Inbox, receiver: Receiver
) -> None:
    become_administrator(walker, site)
    set_up_the_webhook(walker, site, receiver)
    set_up_the_mail_server(walker, site, expiring)
    see_the_warning(walker, site)
    assert walker.complaints == []
    deadline = time.monotonic() + 30
    while "mail_server.ending_soon" not in receiver.types:
        assert time.monotonic() < deadline, "the webhook received no event"
        time.sleep(0.1)
    walker.open(f"{site.url}/settings/webhook")
    assert walker.sees("mail_server.ending_soon")
    assert walker.complaints == []


def set_up_the_webhook(walker: Walker, site: Site, receiver: Receiver) -> None:
    walker.open(f"{site.url}/settings/webhook")
    walker.fill(webhook_url="alerts.example.com")
    walker.press("Save")
    assert walker.sees("Enter a full URL that starts with https://")
    walker.fill(webhook_url=receiver.url)
    walker.press("Save")
    secret = walker.page.locator("#secret").input_value()
    walker.press("test")
    assert walker.sees("Test event delivered.")
    assert receiver.received[0].is_signed_with(secret)


def set_up_the_mail_server(walker: Walker, site: Site, server: Inbox) -> None:
    walker.open(f"{site.url}/settings/mail", check=False)
    walker.fill(mail_from=SENDER, host=server.host, port=str(server.port), security="starttls")
    walker.fill(username=USERNAME, password=PASSWORD)
    walker.press("save")
    assert walker.sees("Mailroom checks it when the next email or test is sent")
    walker.fill(test_recipient="eve@people.example")
    walker.press("test")
    walker.close_dialog()


def see_the_warning(walker: Walker, site: Site) -> None:
    walker.open(site.url)
    assert walker.sees("The mail server's certificate expires on")
    walker.follow("Check the mail server")
    assert walker.sees("expires soon")
