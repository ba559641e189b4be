"""What administrators see of expiry dates: alerts on every page, and the table on the mail server page."""

from datetime import date, timedelta

import pytest

from tests.support.browser import Browser
from tests.support.grants import GrantOwner
from tests.support.inbox import Inbox
from webapp.core import clock

pytestmark = pytest.mark.one_database
ALERT = "The mail server's certificate expires on"


def test_administrators_see_an_alert_on_every_page(expiring: Inbox, administrator: Browser) -> None:
    for page in ("/", "/users", "/outbox", "/audit", "/settings/general", "/settings/mail", "/profile"):
        assert ALERT in administrator.get(page).text.replace("&#39;", "'"), page


def test_members_and_strangers_see_no_alert(expiring: Inbox, member: Browser, stranger: Browser) -> None:
    for browser in (member, stranger):
        for page in ("/", "/profile", "/login", "/forgot-password"):
            assert "certificate expires on" not in browser.get(page).text, page


def test_the_table_shows_every_expiry_date(owner: GrantOwner, administrator: Browser) -> None:
    owner.provider.answers = {"refresh_token_expires_in": 86_400 * 400}
    owner.save(security="starttls", secret_expires_on=date(2126, 5, 3))
    owner.authorize()
    page = administrator.get("/settings/mail").text
    table = page[page.index('id="expiries"') :]
    for text in ("OAuth2 authorization", "Client secret", "3 May 2126", "Mail server certificate"):
        assert text in table
    assert "Mailroom checks it when the next email or test is sent" in table


def test_a_secret_that_expires_soon_causes_an_alert_as_soon_as_its_date_is_saved(
    owner: GrantOwner, administrator: Browser
) -> None:
    owner.save(device_authorization_url="")
    near = clock.now().date() + timedelta(days=5)
    page = administrator.submit("/settings/mail", "save", secret_expires_on=near)
    assert "client secret expires on" in page.text
    owner.save(authentication="none", secrets={"client_secret": ""}, secret_expires_on=near)
    assert owner.server.secret_expires_on is None


def test_without_a_mail_server_there_is_no_table(administrator: Browser) -> None:
    assert 'id="expiries"' not in administrator.get("/settings/mail").text
