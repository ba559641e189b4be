"""The main job, from the first start to a new password: in a real browser, with real mail."""

import time
from uuid import uuid4

import pytest

from tests.browser.conftest import BARE_DESKTOP, DESKTOP, PHONE
from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.inbox import PASSWORD as MAIL_PASSWORD
from tests.support.inbox import SENDER, USERNAME, Inbox, Mail

PASSWORD, NEW_PASSWORD = "the first long sentence 7", "another long sentence 8"


class Post:
    """The people of one walk, and their mail in the inbox that all walks share."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self._walk = uuid4().hex[:8]
        self.ada, self.max, self.eve = (f"{name}.{self._walk}@mailroom.example" for name in ("ada", "max", "eve"))

    def mail(self, recipient: str, number: int) -> Mail:
        """The mail with this number (from 1) to somebody, once it is there."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            mails = [mail for mail in self.inbox.messages if mail.rcpt_to == [recipient]]
            if len(mails) >= number:
                return mails[number - 1]
            time.sleep(0.02)
        raise AssertionError(f"{recipient} has no mail number {number}")


@pytest.fixture
def post(mail_server: Inbox) -> Post:
    return Post(mail_server)


@pytest.mark.parametrize("walker", [DESKTOP, PHONE, BARE_DESKTOP], indirect=True, ids=lambda screen: screen.name)
def test_the_main_job_is_done_in_a_browser(walker: Walker, site: Site, post: Post) -> None:
    person = walker.another()
    become_administrator(walker, site, post)
    tell_the_public_address(walker, site)
    set_the_mail_server_up(walker, site, post)
    create_a_person(walker, site, post)
    activate(person, post)
    choose_a_new_password(person, post)
    show_a_link(walker, site, post)
    look_around(walker, person, site)
    assert walker.complaints + person.complaints == []


def become_administrator(walker: Walker, site: Site, post: Post) -> None:
    walker.open(site.setup_url)
    walker.fill(email=post.ada, name="Ada Lovelace", password="short", password_confirm="other")
    walker.press("Create and sign in")
    assert walker.sees("The passwords don't match.")
    walker.fill(password=PASSWORD, password_confirm=PASSWORD, public_url="")
    walker.press("Create and sign in")
    assert walker.sees("Ada Lovelace")


def tell_the_public_address(walker: Walker, site: Site) -> None:
    walker.open(f"{site.url}/settings/general")
    walker.fill(public_url="no address", product_name="")
    walker.press("Save")
    assert walker.sees("Please fix 2 fields")
    walker.fill(public_url=site.url, product_name="Mailroom", support_address="help@mailroom.example")
    walker.press("Save")
    assert walker.sees("Saved.")


def set_the_mail_server_up(walker: Walker, site: Site, post: Post) -> None:
    walker.open(f"{site.url}/settings/mail")
    walker.choose("google")
    assert walker.sees("App password")
    walker.fill(mail_from=SENDER)
    walker.choose("custom")
    assert walker.value("mail_from") == SENDER
    walker.fill(host="localhost", port=str(post.inbox.port), security="starttls", authentication="password")
    walker.fill(username=USERNAME, password="wrong", test_recipient=post.ada)
    walker.press("test")
    assert walker.sees("535 5.7.8")
    walker.close_dialog()
    walker.fill(password=MAIL_PASSWORD)
    walker.press("test")
    assert post.mail(post.ada, 1).username == USERNAME
    walker.close_dialog()
    walker.press("save")
    assert walker.sees("Saved and in use.")


def create_a_person(walker: Walker, site: Site, post: Post) -> None:
    walker.open(f"{site.url}/users")
    walker.follow("Create a user")
    walker.fill(email="no address", name="Max Newman")
    walker.press("Create")
    walker.fill(email=post.max, send_activation="mail")
    walker.press("Create")
    assert walker.sees(post.max)


def activate(person: Walker, post: Post) -> None:
    person.open(post.mail(post.max, 1).link)
    person.fill(password=PASSWORD, password_confirm="not the same")
    person.press("Activate and sign in")
    person.fill(password=PASSWORD, password_confirm=PASSWORD)
    person.press("Activate and sign in")
    assert person.sees("Max Newman")
    assert "active" in str(post.mail(post.max, 2)["Subject"])
    person.sign_out()


def choose_a_new_password(person: Walker, post: Post) -> None:
    person.fill(email=post.max, password="forgotten")
    person.press("Sign in")
    person.follow("Forgot your password?")
    person.fill(email=post.max)
    person.press("Send email")
    reset = post.mail(post.max, 3).link
    person.open(reset)
    person.fill(password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    person.press("Change password")
    assert "changed" in str(post.mail(post.max, 4)["Subject"])
    person.open(reset)
    person.follow("Sign in")
    person.fill(email=post.max, password=NEW_PASSWORD)
    person.press("Sign in")
    assert person.sees("Max Newman")


def show_a_link(walker: Walker, site: Site, post: Post) -> None:
    walker.open(f"{site.url}/users/new")
    walker.fill(email=post.eve, name="Eve", send_activation="show")
    walker.press("Create")
    assert walker.page.locator("#link").input_value().startswith(f"{site.url}/activate/")
    walker.follow("Done")


def look_around(walker: Walker, person: Walker, site: Site) -> None:
    for path in ("/", "/users", "/users?search=nobody", "/outbox", "/outbox/1", "/outbox?state=failed", "/nothing"):
        walker.open(f"{site.url}{path}")
    for path in ("/settings/emails", "/settings/emails/new_session", "/settings/emails/reset?width=phone"):
        walker.open(f"{site.url}{path}")
    for path in ("/", "/profile", "/users", "/setup"):
        person.open(f"{site.url}{path}")
