"""Known devices: the browsers in which a user has signed in before."""

from datetime import timedelta

import time_machine
from sqlalchemy import select

from webapp.accounts.models import KnownDevice, User
from webapp.accounts.sessions import known_devices
from webapp.core import clock
from webapp.core.database import Database


def remember(database: Database, user: User, token: str = "") -> str:
    """Sign the user in with this cookie; return the new one."""
    with database.transaction() as session:
        return known_devices.remember(session, user.id, token)


def knows(database: Database, user: User, token: str) -> bool:
    with database.read() as session:
        return known_devices.is_known(session, user.id, token)


def test_a_browser_is_known_to_the_user_who_signed_in_only(database: Database, ada: User, pat: User) -> None:
    token = remember(database, ada)
    assert (knows(database, ada, token), knows(database, pat, token)) == (True, False)
    assert not knows(database, ada, "")


def test_a_shared_browser_is_known_to_both_users(database: Database, ada: User, pat: User) -> None:
    shared = remember(database, pat, remember(database, ada))
    assert (knows(database, ada, shared), knows(database, pat, shared)) == (True, True)
    assert remember(database, ada, shared) == shared


def test_a_planted_cookie_is_never_adopted_by_another_user(database: Database, ada: User, pat: User) -> None:
    planted = remember(database, pat)
    remember(database, ada, planted)
    assert not knows(database, ada, planted)


def test_the_token_is_not_in_the_database(database: Database, ada: User) -> None:
    token = remember(database, ada)
    with database.read() as session:
        assert token not in session.scalars(select(KnownDevice.token_hash)).one()


def test_a_browser_is_forgotten_after_a_year_without_a_login(database: Database, ada: User) -> None:
    token = remember(database, ada)
    with time_machine.travel(clock.now() + timedelta(days=364)):
        assert remember(database, ada, token) == token
    with time_machine.travel(clock.now() + timedelta(days=364 + 364)):
        assert knows(database, ada, token)
    with time_machine.travel(clock.now() + timedelta(days=364 + 366)):
        assert not knows(database, ada, token)
        with database.transaction() as session:
            known_devices.sweep(session, clock.now())
            assert session.scalars(select(KnownDevice)).all() == []


def test_all_other_browsers_can_be_forgotten(database: Database, ada: User, pat: User) -> None:
    there, of_pat = remember(database, ada), remember(database, pat)
    here = remember(database, ada, of_pat)
    with database.transaction() as session:
        new = known_devices.forget_others(session, ada.id, here)
    assert [knows(database, ada, one) for one in (new, here, there)] == [True, False, False]
    assert (knows(database, pat, of_pat), knows(database, pat, new)) == (True, True)


def test_forgetting_others_does_not_make_this_browser_known(database: Database, ada: User) -> None:
    there = remember(database, ada)
    with database.transaction() as session:
        assert known_devices.forget_others(session, ada.id, "") == ""
    assert not knows(database, ada, there)


def test_a_made_up_cookie_is_not_known(database: Database, ada: User) -> None:
    for cookie in [".", "....." * 1000, "x" * 1_000_000, "\x00", "\ud800"]:
        assert not knows(database, ada, cookie)
        assert knows(database, ada, remember(database, ada, cookie))
