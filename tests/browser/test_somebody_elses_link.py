"""An invited person's link, opened in an administrator's browser."""

from datetime import timedelta

import pytest

from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.browser import PASSWORD
from tests.support.users import add_user
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, Role, User, UserState
from webapp.core import clock
from webapp.core.app_state import AppState

NEW_PASSWORD = "another long sentence 8"


@pytest.fixture
def link(site: Site, inside: AppState) -> str:
    """The activation link of Pat, in an installation with an administrator."""
    add_user(inside.database, "ada@mailroom.example", Role.ADMINISTRATOR)
    pat_id = add_user(inside.database, "pat@mailroom.example", state=UserState.PENDING)
    with inside.database.transaction() as session:
        pat = session.get_one(User, pat_id)
        secret = links.create(session, pat, LinkPurpose.ACTIVATION, clock.now() + timedelta(hours=1))
    return f"{site.url}/activate/{secret}"


@pytest.mark.parametrize("switches", [False, True])
def test_the_page_asks_who_is_signed_in_afterwards(walker: Walker, site: Site, link: str, switches: bool) -> None:
    walker.open(f"{site.url}/login")
    walker.fill(email="ada@mailroom.example", password=PASSWORD)
    walker.press("Sign in")
    walker.open(link)
    assert walker.sees("This browser is signed in as ada@mailroom.example.")
    walker.fill(password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    if switches:
        walker.press("Activate and sign in as pat@mailroom.example")
    else:
        # Enter does what the first button does.
        with walker.page.expect_navigation():
            walker.page.keyboard.press("Enter")
        walker.check_page()
        assert walker.sees("still signed in to a different account, ada@mailroom.example")
    walker.open(f"{site.url}/profile")
    assert walker.sees("You sign in with pat@" if switches else "You sign in with ada@")
    assert walker.complaints == []
