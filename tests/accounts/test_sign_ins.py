"""Sign-ins: the browsers that people are signed in with."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, update

from tests.accounts.conftest import CLIENT
from webapp import clock
from webapp.accounts import sign_ins
from webapp.accounts.models import SignIn, Status, User
from webapp.accounts.sign_ins import Client
from webapp.database import Database

SignedIn = Callable[[User], str]


def whose(database: Database, token: str) -> int | None:
    """The id of the person whose token it is."""
    with database.reading() as session:
        found = sign_ins.find(session, token)
    return found[0].id if found else None


def test_a_token_names_its_person(database: Database, ada: User, pat: User, signed_in: SignedIn) -> None:
    assert whose(database, signed_in(ada)) == ada.id
    assert whose(database, "another") is None


def test_a_sign_in_ends_after_a_day(database: Database, ada: User, signed_in: SignedIn) -> None:
    token = signed_in(ada)
    with time_machine.travel(clock.now() + timedelta(hours=23)):
        assert whose(database, token) == ada.id
    with time_machine.travel(clock.now() + timedelta(hours=25)):
        assert whose(database, token) is None


def test_disabling_a_person_ends_what_they_are_doing(database: Database, ada: User, signed_in: SignedIn) -> None:
    token = signed_in(ada)
    with database.writing() as session:
        session.execute(update(User).values(status=Status.DISABLED))
    assert whose(database, token) is None


def test_ending_one_leaves_the_others(database: Database, ada: User, signed_in: SignedIn) -> None:
    one, other = signed_in(ada), signed_in(ada)
    with database.writing() as session:
        sign_ins.end(session, one)
    assert (whose(database, one), whose(database, other)) == (None, ada.id)


def test_a_person_that_is_deleted_is_signed_out(database: Database, ada: User, signed_in: SignedIn) -> None:
    token = signed_in(ada)
    with database.writing() as session:
        session.delete(session.get_one(User, ada.id))
    assert whose(database, token) is None


@pytest.mark.parametrize(("minutes", "stale"), [(4, False), (6, True)])
def test_being_seen_is_noted_every_five_minutes(
    database: Database, ada: User, signed_in: SignedIn, minutes: int, stale: bool
) -> None:
    signed_in(ada)
    with database.reading() as session:
        row = session.scalars(select(SignIn)).one()
    with time_machine.travel(clock.now() + timedelta(minutes=minutes)):
        assert sign_ins.is_stale(row) == stale


def test_what_a_browser_says_of_itself_is_cut_and_cleaned(database: Database, ada: User) -> None:
    with database.writing() as session:
        sign_ins.start(session, ada, Client(CLIENT.address, "Fire\0fox\n" + "x" * 400))
    with database.reading() as session:
        device = session.scalars(select(SignIn)).one().device
    assert device == ("Firefox" + "x" * 400)[:300]
