"""Advice on a password while it is entered, and the same rules without scripts, in a real browser."""

from datetime import timedelta

import pytest

from tests.browser.conftest import WITHOUT_SCRIPTS_TOO
from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.users import add_user
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, User, UserState
from webapp.core import clock
from webapp.core.app_state import AppState

TOO_SHORT, GUESSABLE, GOOD = (
    "Too short: use at least 8 characters.",
    "This password is easy to guess.",
    "hard to guess.",
)


@pytest.fixture
def activation(site: Site, inside: AppState) -> str:
    """An activation link."""
    user_id = add_user(inside.database, "ada@mailroom.example", state=UserState.PENDING, name="Ada Lovelace")
    with inside.database.transaction() as session:
        person = session.get_one(User, user_id)
        secret = links.create(session, person, LinkPurpose.ACTIVATION, clock.now() + timedelta(hours=1))
    return f"{site.url}/activate/{secret}"


@WITHOUT_SCRIPTS_TOO
def test_a_first_password_is_chosen_with_advice(walker: Walker, activation: str) -> None:
    walker.open(activation)
    assert walker.sees("Use at least 8 characters.")
    height = walker.page.locator("main form").first.bounding_box()
    if walker.scripts:
        for password, advice in (("kxv", TOO_SHORT), ("lovelace7", GUESSABLE), ("a quite long sentence 7", GOOD)):
            walker.fill(password=password)
            walker.page.get_by_text(advice).wait_for()
            walker.check_page()
        assert walker.page.locator("main form").first.bounding_box() == height
        walker.fill(password="")
        walker.page.get_by_text("A few random words").wait_for()
    walker.fill(password="lovelace7", password_confirm="lovelace7")
    walker.press("Activate and sign in")
    assert walker.sees(GUESSABLE)
    walker.fill(password="a quite long sentence 7", password_confirm="a quite long sentence 7")
    walker.press("Activate and sign in")
    assert walker.sees("Your account is active")
    assert walker.complaints == []
