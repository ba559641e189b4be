"""A password that is too old: in a real browser, its owner gets no further without a new one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.browser import PASSWORD
from tests.support.people import add_person
from webapp.accounts.models import User
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.settings.service import SecurityPolicy, save_security

EMAIL, NEW_PASSWORD = "max@mailroom.example", "another long sentence 8"


@pytest.fixture
def strict(site: Site, inside: AppState) -> Site:
    """An installation where a password is good for 30 days, and somebody who has had theirs for longer."""
    user_id = add_person(inside.database, EMAIL)
    with inside.database.transaction() as session:
        save_security(session, replace(SecurityPolicy(), password_max_age_days=30))
        session.get_one(User, user_id).password_changed_at = clock.now() - timedelta(days=31)
    return site


def test_who_has_an_old_password_chooses_a_new_one_before_anything_else(walker: Walker, strict: Site) -> None:
    walker.open(f"{strict.url}/login", looks=False)
    walker.fill(email=EMAIL, password=PASSWORD)
    walker.press("Sign in")
    assert walker.sees("A password is good for 30 days here")
    walker.open(f"{strict.url}/profile", looks=False)
    walker.fill(current_password="wrong", password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    walker.press("Change password")
    assert walker.sees("is not your password")
    walker.fill(current_password=PASSWORD, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    walker.press("Change password")
    assert walker.page.url == f"{strict.url}/profile"
    assert walker.sees("Your password is changed")
    assert walker.complaints == []
