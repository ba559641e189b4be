"""Several mail servers in a real browser: added, kept as a draft, named, put in order and deleted."""

import pytest

from tests.browser.conftest import ADA
from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.inbox import PASSWORD as MAIL_PASSWORD
from tests.support.inbox import USERNAME, Inbox


@pytest.fixture
def visitor(visitor: Walker, site: Site) -> Walker:
    """The administrator, signed in, at the list of mail servers."""
    visitor.open(f"{site.url}/settings/mail-servers")
    return visitor


def fill_in(walker: Walker, mail_server: Inbox) -> None:
    """Enter the settings of a mail server on this machine."""
    walker.fill(mail_from=ADA, host="localhost", port=str(mail_server.port), username=USERNAME, password=MAIL_PASSWORD)
    walker.fill(test_recipient="eve@people.example")


def test_several_mail_servers_are_kept_in_order(visitor: Walker, site: Site, mail_server: Inbox) -> None:
    fill_in(visitor, mail_server)
    visitor.page.get_by_text("More", exact=True).click()
    visitor.press("test_and_use")
    assert visitor.sees("Saved and in use.")
    visitor.close_dialog()
    visitor.follow("All mail servers")
    visitor.follow("Add a mail server")
    fill_in(visitor, mail_server)
    visitor.fill(timeout="17")
    visitor.page.get_by_text("More", exact=True).click()
    visitor.press("keep_draft")
    assert visitor.sees("it becomes the last fallback")
    visitor.press("save")
    visitor.follow("Name and senders…")
    visitor.fill(name="Shop", for_domains="not a domain")
    visitor.press("Save")
    assert visitor.sees("is not a domain")
    visitor.fill(for_domains="shop.example")
    visitor.press("Save")
    visitor.press("Copy")
    assert visitor.sees("The copy is a draft")
    visitor.follow("All mail servers")
    assert visitor.sees("For senders in shop.example")
    visitor.press("Use this server")
    visitor.press("Move Shop 2 up")
    visitor.press("Move Shop 2 up")
    visitor.follow("Shop 2")
    assert visitor.sees("First")
    visitor.follow("Delete…")
    assert visitor.sees("After that, all email goes through Custom.")
    visitor.press("Delete permanently")
    assert not visitor.sees("Shop 2")
    assert visitor.complaints == []
