"""The main job, from the first start to a new password, in a real browser and with real email."""

import time
from uuid import uuid4

import pytest

from tests.browser.conftest import WITHOUT_SCRIPTS_TOO
from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.inbox import PASSWORD as MAIL_PASSWORD
from tests.support.inbox import SENDER, USERNAME, Inbox, Mail

PASSWORD, NEW_PASSWORD = "the first long sentence 7", "another long sentence 8"


class Mailboxes:
    """The people of one test, and their email in the inbox that all tests share."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        suffix = uuid4().hex[:8]
        self.ada, self.max, self.eve = (f"{name}.{suffix}@mailroom.example" for name in ("ada", "max", "eve"))

    def wait_for(self, recipient: str, number: int) -> Mail:
        """Wait for the email with this number (from 1) to somebody, and return it."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            emails = [email for email in self.inbox.messages if email.rcpt_to == [recipient]]
            if len(emails) >= number:
                return emails[number - 1]
            time.sleep(0.02)
        raise AssertionError(f"{recipient} received no email number {number}")


@pytest.fixture
def mailboxes(mail_server: Inbox) -> Mailboxes:
    return Mailboxes(mail_server)


@WITHOUT_SCRIPTS_TOO
def test_the_main_job_is_done_in_a_browser(walker: Walker, site: Site, mailboxes: Mailboxes) -> None:
    user = walker.another()
    become_administrator(walker, site, mailboxes)
    set_the_public_url(walker, site)
    set_up_the_mail_server(walker, site, mailboxes)
    create_a_user(walker, site, mailboxes)
    activate(user, mailboxes)
    choose_a_new_password(user, mailboxes)
    show_a_link(walker, site, mailboxes)
    add_a_webhook(walker, site)
    visit_other_pages(walker, user, site)
    assert walker.complaints + user.complaints == []


def become_administrator(walker: Walker, site: Site, mailboxes: Mailboxes) -> None:
    walker.open(site.setup_url)
    walker.fill(email=mailboxes.ada, name="Ada Lovelace", password="short", password_confirm="other")
    walker.press("Create and sign in")
    assert walker.sees("The passwords don't match.")
    walker.fill(password=PASSWORD, password_confirm=PASSWORD, public_url="")
    walker.press("Create and sign in")
    assert walker.sees("Ada Lovelace")


def set_the_public_url(walker: Walker, site: Site) -> None:
    walker.open(f"{site.url}/settings/general")
    walker.fill(public_url="no address", product_name="")
    walker.press("Save")
    assert walker.sees("Please fix 2 fields")
    walker.fill(public_url=site.url, product_name="Mailroom", support_address="help@mailroom.example")
    walker.press("Save")
    assert walker.sees("Saved.")


def set_up_the_mail_server(walker: Walker, site: Site, mailboxes: Mailboxes) -> None:
    walker.open(f"{site.url}/settings/mail")
    walker.choose("google")
    assert walker.sees("App password")
    walker.fill(mail_from=SENDER)
    walker.choose("custom")
    assert walker.value("mail_from") == SENDER
    walker.fill(host="localhost", port=str(mailboxes.inbox.port), security="starttls", authentication="password")
    walker.fill(username=USERNAME, password="wrong", test_recipient=mailboxes.ada)
    walker.press("test")
    assert walker.sees("535 5.7.8")
    walker.close_dialog()
    walker.fill(password=MAIL_PASSWORD)
    walker.press("test")
    assert mailboxes.wait_for(mailboxes.ada, 1).username == USERNAME
    walker.close_dialog()
    walker.press("save")
    assert walker.sees("Saved and in use.")


def create_a_user(walker: Walker, site: Site, mailboxes: Mailboxes) -> None:
    walker.open(f"{site.url}/users")
    walker.follow("Create a user")
    walker.fill(email="no address", name="Max Newman")
    walker.press("Create")
    walker.fill(email=mailboxes.max, send_activation="mail")
    walker.press("Create")
    assert walker.sees(mailboxes.max)


def activate(user: Walker, mailboxes: Mailboxes) -> None:
    user.open(mailboxes.wait_for(mailboxes.max, 1).link)
    user.fill(password=PASSWORD, password_confirm="not the same")
    user.press("Activate and sign in")
    user.fill(password=PASSWORD, password_confirm=PASSWORD)
    user.press("Activate and sign in")
    assert user.sees("Max Newman")
    assert "active" in str(mailboxes.wait_for(mailboxes.max, 2)["Subject"])
    user.sign_out()


def choose_a_new_password(user: Walker, mailboxes: Mailboxes) -> None:
    user.fill(email=mailboxes.max, password="forgotten")
    user.press("Sign in")
    user.follow("Forgot your password?")
    user.fill(email=mailboxes.max)
    user.press("Send email")
    reset = mailboxes.wait_for(mailboxes.max, 3).link
    user.open(reset)
    user.fill(password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    user.press("Change password")
    assert "changed" in str(mailboxes.wait_for(mailboxes.max, 4)["Subject"])
    user.open(reset)
    user.follow("Sign in")
    user.fill(email=mailboxes.max, password=NEW_PASSWORD)
    user.press("Sign in")
    assert user.sees("Max Newman")


def show_a_link(walker: Walker, site: Site, mailboxes: Mailboxes) -> None:
    walker.open(f"{site.url}/users/new")
    walker.fill(email=mailboxes.eve, name="Eve", send_activation="show")
    walker.press("Create")
    assert walker.page.locator("#link").input_value().startswith(f"{site.url}/activate/")
    walker.follow("Done")


def add_a_webhook(walker: Walker, site: Site) -> None:
    walker.open(f"{site.url}/settings/webhooks/new")
    walker.press("Add webhook")
    assert walker.sees("Please fix 3 fields")
    walker.fill(webhook_name="Pager", webhook_url=site.url, webhook_scope="all")
    walker.press("Add webhook")
    assert walker.page.locator("#secret").input_value().startswith("whsec_")
    walker.open(f"{site.url}/settings/webhooks")


def visit_other_pages(walker: Walker, user: Walker, site: Site) -> None:
    for path in ("/", "/users", "/users?search=nobody", "/outbox", "/outbox/1", "/outbox?state=failed", "/nothing"):
        walker.open(f"{site.url}{path}")
    for path in ("/audit", "/audit?since=2026-02-02&until=2026-02-01", "/settings/security", "/settings/webhooks"):
        walker.open(f"{site.url}{path}")
    for path in ("/settings/emails", "/settings/emails/new_session", "/settings/emails/reset?width=phone"):
        walker.open(f"{site.url}{path}")
    for path in ("/", "/profile", "/users", "/setup"):
        user.open(f"{site.url}{path}")
