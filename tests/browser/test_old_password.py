"""An expired password has to be replaced first, in a real browser."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.browser.serving import Site
from tests.browser.walker import Walker
from tests.support.browser import PASSWORD
from tests.support.users import add_user
from webapp.accounts.models import User
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.settings.service import SecurityPolicy, save_security

EMAIL, NEW_PASSWORD = "max@mailroom.example", "another long sentence 8"


@pytest.fixture
def strict(site: Site, inside: AppState) -> Site:
    """An installation where passwords expire after 30 days, and a user whose password is older."""
    user_id = add_user(inside.database, EMAIL)
    with inside.database.transaction() as session:
        save_security(session, replace(SecurityPolicy(), password_max_age_days=30))
        session.get_one(User, user_id).password_changed_at = clock.now() - timedelta(days=31)
    return site


def test_an_expired_password_is_replaced_before_anything_else(walker: Walker, strict: Site) -> None:
    walker.open(f"{strict.url}/login", check=False)
    walker.fill(email=EMAIL, password=PASSWORD)
    walker.press("Sign in")
    assert walker.sees("Passwords expire after 30 days")
    walker.open(f"{strict.url}/profile", check=False)
    walker.fill(current_password="wrong", password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    walker.press("Change password")
    assert walker.sees("Wrong password.")
    walker.fill(current_password=PASSWORD, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    walker.press("Change password")
    assert walker.page.url == f"{strict.url}/profile"
    assert walker.sees("Your password has been changed")
    assert walker.complaints == []
