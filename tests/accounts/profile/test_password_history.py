"""Passwords that may not be reused, and passwords that have expired."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.accounts.conftest import NewLink
from tests.support.browser import PASSWORD, Browser
from webapp.accounts import throttles
from webapp.accounts.models import LinkPurpose, PasswordHistoryEntry, User
from webapp.core import clock, rate_limits
from webapp.core.database import Database
from webapp.settings import service as settings
from webapp.settings.service import SecurityPolicy

SavePolicy = Callable[..., None]
PASSWORDS = [PASSWORD, "the second long sentence 8", "the third long sentence 9", "the fourth long sentence 10"]
REUSED = "used this password before. Choose a different one."


pytestmark = pytest.mark.one_database


@pytest.fixture
def save_policy(database: Database) -> Callable[..., None]:
    """Save the default security settings with these changes."""

    def save(**changes: Any) -> None:
        with database.transaction() as session:
            settings.save_security(session, replace(SecurityPolicy(), **changes))

    return save


def change(browser: Browser, current: str, new: str) -> str:
    """Change the password in the profile; return the page."""
    return browser.submit("/profile", current_password=current, password=new, password_confirm=new).text


def history_length(database: Database) -> int:
    """Count the earlier passwords that are stored."""
    with database.read() as session:
        return len(session.scalars(select(PasswordHistoryEntry)).all())


def set_age(database: Database, browser: Browser, **age: int) -> None:
    """Set how long ago the password was chosen."""
    with database.transaction() as session:
        chosen_at = clock.now() - timedelta(**age)
        session.execute(update(User).where(User.id == browser.user.id).values(password_changed_at=chosen_at))


def test_the_last_passwords_may_not_be_reused(member: Browser, database: Database, save_policy: SavePolicy) -> None:
    save_policy(password_history_length=2)
    for current, new in pairwise(PASSWORDS):
        assert "Your password has been changed" in change(member, current, new)
    assert history_length(database) == 2
    for former in PASSWORDS[1:3]:
        assert REUSED in change(member, PASSWORDS[3], former)
    assert "Your password has been changed" in change(member, PASSWORDS[3], PASSWORDS[0])


def test_no_history_is_kept_unless_the_policy_requires_it(
    member: Browser, database: Database, save_policy: SavePolicy
) -> None:
    save_policy(password_history_length=2)
    change(member, PASSWORDS[0], PASSWORDS[1])
    save_policy(password_history_length=0)
    assert "Your password has been changed" in change(member, PASSWORDS[1], PASSWORDS[0])
    assert history_length(database) == 0


def test_the_current_password_is_no_new_one(member: Browser) -> None:
    assert "This is your current password. Choose a different one." in change(member, PASSWORD, PASSWORD)


@pytest.mark.parametrize("password", PASSWORDS[:2])
def test_a_reset_does_not_accept_an_earlier_password(
    member: Browser, stranger: Browser, save_policy: SavePolicy, new_link: NewLink, password: str
) -> None:
    save_policy(password_history_length=2)
    change(member, *PASSWORDS[:2])
    page = stranger.get(f"/reset-password/{new_link(member.user, LinkPurpose.RESET)}")
    refused = stranger.submit_on(page, password=password, password_confirm=password)
    assert REUSED in refused.text
    taken = stranger.submit_on(refused, password=PASSWORDS[2], password_confirm=PASSWORDS[2])
    assert "Your password has been changed" in taken.text


def test_comparisons_with_earlier_passwords_are_limited(
    member: Browser, database: Database, save_policy: SavePolicy
) -> None:
    save_policy(password_history_length=1)
    with database.transaction() as session:
        for _ in range(throttles.NEW_PASSWORDS_BY_USER.times):
            rate_limits.consume(session, throttles.NEW_PASSWORDS_BY_USER, str(member.user.id))
    fields = {"current_password": PASSWORD, **dict.fromkeys(("password", "password_confirm"), PASSWORDS[1])}
    assert member.submit("/profile", **fields).status_code == 429


@pytest.mark.parametrize("who", ["member", "administrator"])
def test_an_expired_password_has_to_be_changed_before_anything_else(
    who: str, request: pytest.FixtureRequest, database: Database, save_policy: SavePolicy
) -> None:
    browser: Browser = request.getfixturevalue(who)
    set_age(database, browser, days=30)
    save_policy(password_max_age_days=30)
    page = browser.get("/profile")
    assert (page.request.path, "Passwords expire after 30 days, and yours is older. Choose a" in page.text) == (
        "/new-password",
        True,
    )
    assert browser.post("/profile/name", name="Eve", follow=False).location == "/new-password?next=/profile/name"
    old = browser.submit_on(page, current_password=PASSWORD, password=PASSWORD, password_confirm=PASSWORD)
    assert "This is your current password. Choose a different one." in old.text
    new = dict.fromkeys(("password", "password_confirm"), PASSWORDS[1])
    done = browser.submit_on(page, current_password=PASSWORD, **new)
    assert (done.request.path, "Your password has been changed" in done.text) == ("/profile", True)


def test_a_user_with_an_expired_password_can_sign_out(
    member: Browser, database: Database, save_policy: SavePolicy
) -> None:
    set_age(database, member, days=31)
    save_policy(password_max_age_days=30)
    page = member.get("/")
    assert 'action="/logout"' in page.text
    assert member.post("/logout").request.path == "/login"


def test_a_password_below_the_maximum_age_can_stay(
    member: Browser, database: Database, save_policy: SavePolicy
) -> None:
    set_age(database, member, days=29, hours=23)
    save_policy(password_max_age_days=30)
    assert member.get("/profile").request.path == "/profile"
    assert member.get("/new-password").request.path == "/"


def test_a_user_whose_session_ends_on_the_page_signs_in_and_goes_on(
    member: Browser, database: Database, save_policy: SavePolicy
) -> None:
    set_age(database, member, days=31)
    save_policy(password_max_age_days=30, lockout_threshold=1)
    page = member.get("/profile/name")
    new = dict.fromkeys(("password", "password_confirm"), PASSWORDS[1])
    ended = member.submit_on(page, current_password="wrong", **new)
    assert (ended.request.path, ended.request.args["next"]) == ("/login", "/profile/name")
