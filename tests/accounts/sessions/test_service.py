"""Sign-ins: the browsers that people are signed in with."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, update

from tests.accounts.conftest import CLIENT
from webapp.accounts.models import Session, User, UserState
from webapp.accounts.sessions import service as sign_ins
from webapp.core import clock
from webapp.core.database import Database
from webapp.settings import service as settings
from webapp.settings.service import SecurityPolicy

SignedIn = Callable[[User], str]


def whose(database: Database, token: str) -> int | None:
    """The id of the person whose token it is."""
    found = sign_ins.find(database, token)
    return found[0].id if found else None


def limit(database: Database, **minutes: Any) -> None:
    """Save these lifetimes, as an administrator does."""
    with database.transaction() as session:
        settings.save_security(session, SecurityPolicy(**minutes))


def test_a_token_names_its_person(database: Database, ada: User, pat: User, signed_in: SignedIn) -> None:
    assert whose(database, signed_in(ada)) == ada.id
    assert whose(database, "another") is None


def test_the_person_and_the_sign_in_are_as_the_database_has_them(
    database: Database, ada: User, signed_in: SignedIn
) -> None:
    found = sign_ins.find(database, signed_in(ada))
    assert found is not None
    with database.read() as session:
        for one in (found.user, found.sign_in):
            saved = session.get_one(type(one), one.id)
            for column in one.__table__.columns:
                assert getattr(one, column.key) == getattr(saved, column.key), column


def test_disabling_a_person_ends_what_they_are_doing(database: Database, ada: User, signed_in: SignedIn) -> None:
    token = signed_in(ada)
    with database.transaction() as session:
        session.execute(update(User).values(state=UserState.DISABLED))
    assert whose(database, token) is None


def test_ending_one_leaves_the_others(database: Database, ada: User, signed_in: SignedIn) -> None:
    one, other = signed_in(ada), signed_in(ada)
    with database.transaction() as session:
        sign_ins.end(session, one)
    assert (whose(database, one), whose(database, other)) == (None, ada.id)


def test_a_person_that_is_deleted_is_signed_out(database: Database, ada: User, signed_in: SignedIn) -> None:
    token = signed_in(ada)
    with database.transaction() as session:
        session.delete(session.get_one(User, ada.id))
    assert whose(database, token) is None


@pytest.mark.parametrize(
    ("idle", "seconds", "stale"),
    [(24 * 60, 299, False), (24 * 60, 301, True), (24 * 60, -299, False), (24 * 60, -301, True), (2, 31, True)],
)
def test_being_seen_is_noted_as_often_as_the_idle_limit_needs_it(
    database: Database, ada: User, signed_in: SignedIn, idle: int, seconds: int, stale: bool
) -> None:
    limit(database, session_idle_minutes=idle)
    with time_machine.travel(clock.now(), tick=False):
        token = signed_in(ada)
    with time_machine.travel(clock.now() + timedelta(seconds=seconds)):
        found = sign_ins.find(database, token)
    assert found is not None
    assert found.is_stale == stale


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIFETIMES = {"session_idle_minutes": 2 * 60, "session_minutes": 24 * 60, "session_remembered_minutes": 30 * 24 * 60}


class TestLifetimes:
    """How long they last: two hours without use and a day in all, or thirty days when remembered."""

    @pytest.fixture(params=[False, True], ids=["saved", "shortened"])
    def new(self, database: Database, ada: User, request: pytest.FixtureRequest) -> Callable[[bool], str]:
        """Signs ada in under these lifetimes, or before an administrator saved them; the token."""

        def start(remembered: bool) -> str:
            if not request.param:
                limit(database, **LIFETIMES)
            with database.transaction() as session:
                _sign_in, token = sign_ins.start(session, ada, CLIENT, remembered)
            limit(database, **LIFETIMES)
            return token

        return start

    @pytest.mark.parametrize(
        ("remembered", "later", "unused_for", "lasts"),
        [
            (False, HOUR, HOUR, True),
            (False, 3 * HOUR, 3 * HOUR, False),
            (False, 23 * HOUR, HOUR, True),
            (False, 25 * HOUR, HOUR, False),
            (True, 29 * DAY, 29 * DAY, True),
            (True, 31 * DAY, HOUR, False),
            (False, -23 * HOUR, -23 * HOUR, True),
            (True, -23 * HOUR, -23 * HOUR, True),
            (False, -25 * HOUR, -25 * HOUR, False),
            (True, -25 * HOUR, timedelta(), False),
        ],
    )
    def test_a_sign_in_ends_unused_and_at_its_end_and_when_the_clock_was_set_back_by_days(
        self,
        database: Database,
        ada: User,
        new: Callable[[bool], str],
        remembered: bool,
        later: timedelta,
        unused_for: timedelta,
        lasts: bool,
    ) -> None:
        token, then = new(remembered), clock.now() + later
        with database.transaction() as session:
            session.execute(update(Session).values(last_seen_at=then - unused_for))
        with time_machine.travel(then), database.transaction() as session:
            listed = bool(sign_ins.list_for_user(session, ada.id, 50))
            if later > timedelta():
                sign_ins.sweep(session, clock.now())
                assert (session.scalar(select(Session.id)) is not None) == lasts
        with time_machine.travel(then):
            assert (whose(database, token) is not None, listed) == (lasts, lasts)

    def test_longer_ones_are_for_new_sign_ins_alone(self, database: Database, ada: User, signed_in: SignedIn) -> None:
        limit(database, **LIFETIMES)
        token = signed_in(ada)
        limit(database, **LIFETIMES | {"session_idle_minutes": 9 * 24 * 60, "session_minutes": 9 * 24 * 60})
        with time_machine.travel(clock.now() + 2 * DAY):
            assert whose(database, token) is None

    def test_a_clock_that_was_set_back_is_noted_at_the_next_use(
        self, database: Database, ada: User, signed_in: SignedIn
    ) -> None:
        token = signed_in(ada)
        with time_machine.travel(clock.now() - 2 * HOUR), database.transaction() as session:
            found = sign_ins.find(database, token)
            assert found is not None
            sign_ins.touch(session, found.sign_in)
            assert session.scalars(select(Session.last_seen_at)).one() <= clock.now()
