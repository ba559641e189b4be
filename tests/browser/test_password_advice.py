"""Advice on the first password while it is typed, and the same rules without scripts."""

from datetime import timedelta

import pytest

from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.people import add_person
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, User, UserState
from webapp.core import clock
from webapp.core.app_state import AppState

TOO_SHORT, SOON, HARD = "Too short: use at least 8 characters.", "This password is easy to guess.", "hard to guess."


@pytest.fixture
def activation(site: Site, inside: AppState) -> str:
    """The address of an activation link."""
    user_id = add_person(inside.database, "ada@mailroom.example", state=UserState.PENDING, name="Ada Lovelace")
    with inside.database.transaction() as session:
        person = session.get_one(User, user_id)
        secret = links.create(session, person, LinkPurpose.ACTIVATION, clock.now() + timedelta(hours=1))
    return f"{site.url}/activate/{secret}"


def test_a_first_password_is_chosen_with_advice(walker: Walker, activation: str) -> None:
    walker.open(activation)
    assert walker.sees("Use at least 8 characters.")
    height = walker.page.locator("main form").first.bounding_box()
    if walker.scripts:
        for typed, said in (("kxv", TOO_SHORT), ("lovelace7", SOON), ("a quite long sentence 7", HARD)):
            walker.fill(password=typed)
            walker.page.get_by_text(said).wait_for()
            walker.look()
        assert walker.page.locator("main form").first.bounding_box() == height
        walker.fill(password="")
        walker.page.get_by_text("A few words in a row").wait_for()
    walker.fill(password="lovelace7", password_confirm="lovelace7")
    walker.press("Activate and sign in")
    assert walker.sees(SOON)
    walker.fill(password="a quite long sentence 7", password_confirm="a quite long sentence 7")
    walker.press("Activate and sign in")
    assert walker.sees("Your account is active")
    assert walker.complaints == []
