"""Advice on the first password while it is typed, and the same rules without scripts."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.people import add_person
from webapp import clock, create_app
from webapp.accounts import links
from webapp.accounts.models import Purpose, Status, User
from webapp.config import Config
from webapp.context import EXTENSION, Parts

TOO_SHORT, SOON, HARD = "Too short: at least 8 characters.", "This password would be guessed soon.", "hard to guess."


@pytest.fixture
def activation(site: Site, tmp_path: Path) -> Iterator[str]:
    """The address of an activation link."""
    handlers = logging.getLogger().handlers[:]
    parts: Parts = create_app(Config.complete(instance=tmp_path)).extensions[EXTENSION]
    user_id = add_person(parts.database, "ada@mailroom.example", status=Status.PENDING, name="Ada Lovelace")
    with parts.database.writing() as session:
        person = session.get_one(User, user_id)
        secret = links.mint(session, person, Purpose.ACTIVATION, clock.now() + timedelta(hours=1))
    yield f"{site.url}/activate/{secret}"
    parts.database.engine.dispose()
    logging.getLogger().handlers = handlers


def test_a_first_password_is_chosen_with_advice(walker: Walker, activation: str) -> None:
    walker.open(activation)
    assert walker.sees("At least 8 characters are needed.")
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
