"""A link that an administrator passes on, and its code on another device, in a real browser."""

import pytest

from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.browser import PASSWORD
from tests.support.inbox import Inbox
from tests.support.users import add_user
from webapp.accounts.models import Role
from webapp.core.app_state import AppState
from webapp.settings import service as settings

NEW_PASSWORD = "another long sentence 8"


@pytest.fixture
def office(site: Site, inside: AppState, mail_server: Inbox) -> Site:
    """An installation with an administrator, a member and a mail server."""
    add_user(inside.database, "ada@mailroom.example", Role.ADMINISTRATOR)
    add_user(inside.database, "max@mailroom.example")
    mail_server.save_to(inside)
    with inside.database.transaction() as session:
        settings.save_general(session, site.url, "Mailroom", "help@mailroom.example")
    mail_server.messages.clear()
    return site


def sign_in(walker: Walker, site: Site, email: str, password: str) -> None:
    walker.open(f"{site.url}/login")
    walker.fill(email=email, password=password)
    walker.press("Sign in")


def test_an_administrator_passes_a_link_on(walker: Walker, office: Site, mail_server: Inbox) -> None:
    user = walker.another()
    sign_in(walker, office, "ada@mailroom.example", PASSWORD)
    walker.open(f"{office.url}/users/2")
    walker.follow("Show password-reset link…")
    walker.press("Show the link once")
    link, code = (walker.page.locator(f"#{name}").input_value() for name in ("link", "code"))
    assert walker.page.locator("img.qr-code").evaluate("image => image.complete && image.naturalWidth") > 0
    walker.page.reload()
    assert walker.sees("A link is shown only once.")
    walker.page.go_back()
    assert not walker.page.locator("#link").count()
    user.open(link)
    user.open(f"{office.url}/code")
    user.fill(email="max@mailroom.example", code=code)
    user.press("Continue")
    user.fill(password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    user.press("Change password")
    assert user.sees("Your password has been changed")
    # About the administrator's new browser, the link and the new password.
    assert any(
        "created a password-reset link" in email["Subject"]
        for email in mail_server.wait(3)
        if "max@" in email.rcpt_to[0]
    )
    assert walker.complaints + user.complaints == []
