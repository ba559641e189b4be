"""Several mail servers on their pages: added, kept as drafts, put in order, named and deleted."""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.mail.page import PAGE, custom, dialog, error_at
from tests.support.applications import add_application
from tests.support.browser import Browser
from tests.support.inbox import Inbox
from webapp.core.app_state import AppState
from webapp.mail import servers
from webapp.mail.models import MailServer

pytestmark = pytest.mark.one_database
LIST, NEW = "/settings/mail-servers", f"{PAGE}/new"
Row = Callable[[str], MailServer]


@pytest.fixture
def two(administrator: Browser) -> Browser:
    """An administrator with a mail server in use and a fallback, Custom and Custom 2."""
    administrator.submit(PAGE, "save", **custom())
    administrator.submit(NEW, "save", **custom(host="smtp.second.example"))
    return administrator


@pytest.fixture
def row(state: AppState) -> Row:
    """Return the server of this name."""

    def find(name: str) -> MailServer:
        with state.database.read() as session:
            found = servers.by_name(session, name)
        assert found is not None
        return found

    return find


def act(browser: Browser, server: MailServer, action: str, **fields: str) -> TestResponse:
    """Press a button about a server."""
    return browser.post(f"{PAGE}/{server.id}/{action}", follow=True, **fields)


def test_one_more_server_is_the_last_fallback(two: Browser, row: Row) -> None:
    assert (row("Custom").position, row("Custom 2").position) == (0, 1)
    assert "smtp.second.example" not in two.get(PAGE).text
    page = two.get(f"{PAGE}/{row('Custom 2').id}")
    assert 'value="smtp.second.example"' in page.text
    assert "when those before it fail" in page.text
    assert "Saved. Custom 2 is fallback 1 now." in two.submit_on(page, "save", timeout="17").text
    assert (row("Custom").timeout, row("Custom 2").timeout) == (10, 17)


def test_a_second_click_on_save_adds_no_third_server(two: Browser) -> None:
    two.submit(NEW, "save", **custom(host="smtp.second.example"))
    assert "Custom 3" not in two.get(LIST).text


def test_what_is_kept_as_a_draft_is_not_used_before_somebody_says_so(two: Browser, row: Row) -> None:
    page = two.submit(PAGE, "keep_draft", host="smtp.changed.example", password="p")
    assert "The settings below are a draft" in page.text
    assert row("Custom").host == "smtp.example.org"
    assert "Changes to <bdi>Custom</bdi>" in two.get(LIST).text
    before = row("Custom").id
    assert "Saved and in use." in two.submit_on(page, "save").text
    assert (row("Custom").id, row("Custom").host) == (before, "smtp.changed.example")


def test_test_and_use_uses_only_what_passed(administrator: Browser, row: Row, inbox: Inbox) -> None:
    administrator.submit(PAGE, "test_and_use", timeout="17", password="wrong", test_recipient="eve@people.example")
    assert row("Custom").timeout == 10
    page = administrator.submit(PAGE, "test_and_use", timeout="17", test_recipient="eve@people.example")
    assert [mail["To"] for mail in inbox.messages] == ["eve@people.example"]
    assert "The test email was sent" in page.text
    assert "Saved and in use." in dialog(page)
    assert row("Custom").timeout == 17


def test_the_order_is_changed_and_the_first_is_the_one_in_use(two: Browser, row: Row) -> None:
    page = act(two, row("Custom 2"), "move", up="1")
    assert "All email goes through Custom 2 now." in page.text
    assert (row("Custom 2").position, row("Custom").position) == (0, 1)
    assert 'value="smtp.second.example"' in two.get(PAGE).text
    assert "All email goes through Custom now." in act(two, row("Custom 2"), "move", down="1").text
    assert row("Custom").position == 0


def test_a_draft_that_is_used_from_the_list_is_the_last_fallback(two: Browser, row: Row) -> None:
    act(two, row("Custom"), "copy")
    assert "Custom 3 is fallback 2 now." in act(two, row("Custom 3"), "use").text


def test_a_copy_is_a_draft_with_the_same_secret(two: Browser, row: Row, state: AppState) -> None:
    page = act(two, row("Custom 2"), "copy")
    assert "nothing is sent through it until you use it" in page.text
    opened = [servers.open_secrets(state.sealer, row(name)) for name in ("Custom 2", "Custom 3")]
    assert opened == [{"password": "first-password"}] * 2
    two.submit_on(page, "save")
    assert row("Custom 3").position == 2


def test_a_server_gets_a_name_and_senders_of_its_own(two: Browser, row: Row) -> None:
    path = f"{PAGE}/{row('Custom 2').id}/senders"
    assert "has this name" in error_at(two.submit(path, name="custom"), "name")
    assert "is not a domain" in error_at(two.submit(path, for_domains="no domain!"), "for_domains")
    two.submit(path, name="Shop", for_domains="Shop.example\n@news.example")
    assert row("Shop").for_domains == ["shop.example", "news.example"]
    assert "For senders in <bdi>shop.example, news.example</bdi>" in two.get(LIST).text


def test_a_server_may_be_for_an_application(two: Browser, row: Row, state: AppState) -> None:
    application = add_application(state.database, name="Web shop")
    two.submit(f"{PAGE}/{row('Custom 2').id}/senders", for_applications=application.identifier)
    assert row("Custom 2").for_applications == [application.identifier]
    assert "For the applications <bdi>Web shop</bdi>" in two.get(LIST).text


def test_a_server_for_some_senders_is_never_the_first(two: Browser, row: Row) -> None:
    two.submit(f"{PAGE}/{row('Custom 2').id}/senders", for_domains="shop.example")
    first = two.post(f"{PAGE}/{row('Custom').id}/senders", name="Custom", for_domains="shop.example")
    assert "for all email" in error_at(first, "for_domains")
    for action in ({"action": "move", "up": "1"}, {"action": "use"}):
        assert "for all email" in act(two, row("Custom 2"), **action).text
    page = two.submit(f"{PAGE}/{row('Custom').id}/delete", "sure")
    assert "for all email" in page.text
    assert (row("Custom").position, row("Custom 2").position) == (0, 1)


def test_the_first_server_for_all_email_takes_the_place_of_a_deleted_one(two: Browser, row: Row) -> None:
    two.submit(f"{PAGE}/{row('Custom 2').id}/senders", for_domains="shop.example")
    act(two, row("Custom"), action="copy")
    act(two, row("Custom 3"), action="use")
    page = two.get(f"{PAGE}/{row('Custom').id}/delete")
    assert "After that, all email goes through <bdi>Custom 3</bdi>." in page.text
    two.submit_on(page, "sure")
    assert (row("Custom 3").position, row("Custom 2").position) == (0, 1)


def test_deleting_the_one_in_use_lets_the_next_take_its_place(two: Browser, row: Row) -> None:
    page = two.get(f"{PAGE}/{row('Custom').id}/delete")
    assert "After that, all email goes through <bdi>Custom 2</bdi>." in page.text
    assert "draft of changes" not in page.text
    assert "The mail server was deleted." in two.submit_on(page, "sure").text
    assert row("Custom 2").position == 0
    assert two.submit_on(page, "sure").status_code == 404
