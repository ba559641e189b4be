"""What administrators see of what ends: on every page, and in the calendar."""

from datetime import date, timedelta

import pytest

from tests.mail.page import saved
from tests.support.browser import Browser
from tests.support.grants import GrantOwner
from tests.support.inbox import Inbox
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.mail.expiry.certificates import record
from webapp.mail.transport.smtp import Certificate

NEAR = "The certificate of the mail server ends on"


@pytest.mark.one_database
def test_administrators_see_it_on_every_page(ending: Inbox, administrator: Browser) -> None:
    for page in ("/", "/users", "/outbox", "/audit", "/settings/general", "/settings/mail", "/profile"):
        assert NEAR in administrator.get(page).text, page


@pytest.mark.one_database
def test_members_and_strangers_never_do(ending: Inbox, member: Browser, stranger: Browser) -> None:
    for browser in (member, stranger):
        for page in ("/", "/profile", "/login", "/forgot-password"):
            assert NEAR not in browser.get(page).text, page


@pytest.mark.one_database
def test_it_is_gone_at_once_when_it_is_over(ending: Inbox, administrator: Browser, parts: AppState) -> None:
    assert NEAR in administrator.get("/").text
    end = clock.now() + timedelta(days=90)
    record(parts.database, saved(parts), Certificate(clock.now(), end))
    assert NEAR not in administrator.get("/").text


@pytest.mark.one_database
def test_the_calendar_shows_every_end(owner: GrantOwner, administrator: Browser) -> None:
    owner.provider.answers = {"refresh_token_expires_in": 86_400 * 400}
    owner.save(security="starttls", secret_expires_on=date(2126, 5, 3))
    owner.sign_in()
    page = administrator.get("/settings/mail").text
    calendar = page[page.index('id="expiries"') :]
    for words in ("OAuth2 authorization", "Client secret", "3 May 2126", "Mail server certificate"):
        assert words in calendar
    assert "Mailroom sees it with the next mail or test" in calendar


@pytest.mark.one_database
def test_without_a_mail_server_there_is_no_calendar(administrator: Browser) -> None:
    assert 'id="expiries"' not in administrator.get("/settings/mail").text
