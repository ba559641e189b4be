"""Passwords that may not come back, and those that are too old."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.support.browser import PASSWORD, Browser
from webapp.accounts import throttles
from webapp.accounts.models import LinkPurpose, PasswordHistoryEntry, User
from webapp.core import clock
from webapp.core.database import Database
from webapp.settings import service as settings
from webapp.settings.service import SecurityPolicy

PASSWORDS = [PASSWORD, "the second long sentence 8", "the third long sentence 9", "the fourth long sentence 10"]
HAD = "You've used this password before. Choose a different one."


@pytest.fixture
def saved(database: Database) -> Callable[..., None]:
    """Saves security settings that differ from the usual ones."""

    def save(**wanted: Any) -> None:
        with database.transaction() as session:
            settings.save_security(session, replace(SecurityPolicy(), **wanted))

    return save


def change(browser: Browser, current: str, new: str) -> str:
    """Change the password in the profile; what the page says."""
    return browser.submit("/profile", current_password=current, password=new, password_confirm=new).text


def kept(database: Database) -> int:
    """How many former passwords there are."""
    with database.read() as session:
        return len(session.scalars(select(PasswordHistoryEntry)).all())


def aged(database: Database, browser: Browser, **age: int) -> None:
    """Let the person have chosen the password so long ago."""
    with database.transaction() as session:
        chosen_at = clock.now() - timedelta(**age)
        session.execute(update(User).where(User.id == browser.user.id).values(password_changed_at=chosen_at))


def test_the_last_passwords_may_not_come_back(member: Browser, database: Database, saved: Callable[..., None]) -> None:
    saved(password_history_length=2)
    for current, new in pairwise(PASSWORDS):
        assert "Your password is changed" in change(member, current, new)
    assert kept(database) == 2
    for former in PASSWORDS[1:3]:
        assert HAD in change(member, PASSWORDS[3], former)
    assert "Your password is changed" in change(member, PASSWORDS[3], PASSWORDS[0])


def test_nothing_is_kept_or_barred_unless_it_is_wanted(
    member: Browser, database: Database, saved: Callable[..., None]
) -> None:
    saved(password_history_length=2)
    change(member, PASSWORDS[0], PASSWORDS[1])
    saved(password_history_length=0)
    assert "Your password is changed" in change(member, PASSWORDS[1], PASSWORDS[0])
    assert kept(database) == 0


def test_the_current_password_is_no_new_one(member: Browser) -> None:
    assert "This is the current password." in change(member, PASSWORD, PASSWORD)


@pytest.mark.parametrize("password", PASSWORDS[:2])
def test_a_reset_brings_no_former_password_back(
    member: Browser, stranger: Browser, saved: Callable[..., None], new_link: Callable[..., str], password: str
) -> None:
    saved(password_history_length=2)
    change(member, *PASSWORDS[:2])
    page = stranger.get(f"/reset-password/{new_link(member.user, LinkPurpose.RESET)}")
    refused = stranger.submit_on(page, password=password, password_confirm=password)
    assert HAD in refused.text
    taken = stranger.submit_on(refused, password=PASSWORDS[2], password_confirm=PASSWORDS[2])
    assert "Your password is changed" in taken.text


def test_former_passwords_are_not_looked_for_without_end(
    member: Browser, database: Database, saved: Callable[..., None]
) -> None:
    saved(password_history_length=1)
    with database.transaction() as session:
        for _ in range(throttles.NEW_PASSWORDS_BY_USER.times):
            throttles.count_new_password(session, member.user)
    fields = {"current_password": PASSWORD, **dict.fromkeys(("password", "password_confirm"), PASSWORDS[1])}
    assert member.submit("/profile", **fields).status_code == 429


@pytest.mark.parametrize("who", ["member", "administrator"])
def test_whose_password_is_too_old_chooses_a_new_one_before_anything_else(
    who: str, request: pytest.FixtureRequest, database: Database, saved: Callable[..., None]
) -> None:
    browser: Browser = request.getfixturevalue(who)
    aged(database, browser, days=30)
    saved(password_max_age_days=30)
    page = browser.get("/profile")
    assert (page.request.path, "A password is good for 30 days here" in page.text) == ("/new-password", True)
    assert browser.post("/profile/name", name="Eve", follow=False).location == "/new-password?next=/profile/name"
    old = browser.submit_on(page, current_password=PASSWORD, password=PASSWORD, password_confirm=PASSWORD)
    assert "This is the current password." in old.text
    new = dict.fromkeys(("password", "password_confirm"), PASSWORDS[1])
    done = browser.submit_on(page, current_password=PASSWORD, **new)
    assert (done.request.path, "Your password is changed" in done.text) == ("/profile", True)


def test_with_an_old_password_one_can_sign_out(member: Browser, database: Database, saved: Callable[..., None]) -> None:
    aged(database, member, days=31)
    saved(password_max_age_days=30)
    page = member.get("/")
    assert 'action="/logout"' in page.text
    assert member.post("/logout").request.path == "/login"


def test_a_password_that_is_young_enough_stays(member: Browser, database: Database, saved: Callable[..., None]) -> None:
    aged(database, member, days=29, hours=23)
    saved(password_max_age_days=30)
    assert member.get("/profile").request.path == "/profile"
    assert member.get("/new-password").request.path == "/"


def test_whoever_is_signed_out_there_signs_in_again_and_goes_on(
    member: Browser, database: Database, saved: Callable[..., None]
) -> None:
    aged(database, member, days=31)
    saved(password_max_age_days=30, lockout_threshold=1)
    page = member.get("/profile/name")
    new = dict.fromkeys(("password", "password_confirm"), PASSWORDS[1])
    ended = member.submit_on(page, current_password="wrong", **new)
    assert (ended.request.path, ended.request.args["next"]) == ("/login", "/profile/name")
