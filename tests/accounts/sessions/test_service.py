"""Sessions: which token is valid, for how long, and what ends it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, update

from tests.accounts.conftest import CLIENT, SignedIn
from webapp.accounts.models import Session, User, UserState
from webapp.accounts.sessions import service
from webapp.core import clock
from webapp.core.database import Database
from webapp.settings import service as settings
from webapp.settings.service import SecurityPolicy

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIFETIMES = {"session_idle_minutes": 2 * 60, "session_minutes": 24 * 60, "session_remembered_minutes": 30 * 24 * 60}


def user_id_of(database: Database, token: str) -> int | None:
    found = service.find(database, token)
    return found.user.id if found else None


def save_policy(database: Database, **minutes: Any) -> None:
    with database.transaction() as session:
        settings.save_security(session, SecurityPolicy(**minutes))


def test_a_token_finds_its_user_and_session(database: Database, ada: User, pat: User, signed_in: SignedIn) -> None:
    found = service.find(database, signed_in(ada))
    assert found is not None
    assert (found.user.email, found.session.user_id, found.session.ip_address) == (ada.email, ada.id, CLIENT.ip_address)
    assert service.find(database, "another") is None


def test_a_disabled_user_has_no_valid_session(database: Database, ada: User, signed_in: SignedIn) -> None:
    token = signed_in(ada)
    with database.transaction() as session:
        session.execute(update(User).values(state=UserState.DISABLED))
    assert user_id_of(database, token) is None


def test_a_deleted_user_is_signed_out(database: Database, ada: User, signed_in: SignedIn) -> None:
    token = signed_in(ada)
    with database.transaction() as session:
        session.delete(session.get_one(User, ada.id))
    assert user_id_of(database, token) is None


def test_ending_one_session_leaves_the_others(database: Database, ada: User, signed_in: SignedIn) -> None:
    one, other = signed_in(ada), signed_in(ada)
    with database.transaction() as session:
        service.end(session, one)
    assert (user_id_of(database, one), user_id_of(database, other)) == (None, ada.id)


def test_of_two_windows_that_enter_the_password_at_once_one_gets_the_new_token(
    database: Database, ada: User, signed_in: SignedIn
) -> None:
    found = service.find(database, signed_in(ada))
    assert found is not None
    with database.transaction() as session:
        tokens = [service.mark_authenticated(session, found.session) for _ in range(2)]
    assert (user_id_of(database, tokens[0] or ""), tokens[1]) == (ada.id, None)


def test_the_last_use_is_recorded_as_often_as_the_idle_limit_requires(
    database: Database, ada: User, signed_in: SignedIn
) -> None:
    for idle, seconds, needs_touch in [
        (24 * 60, 299, False),
        (24 * 60, 301, True),
        (24 * 60, -299, False),
        (24 * 60, -301, True),
        (2, 31, True),
    ]:
        save_policy(database, session_idle_minutes=idle)
        with time_machine.travel(clock.now(), tick=False):
            token = signed_in(ada)
        with time_machine.travel(clock.now() + timedelta(seconds=seconds)):
            found = service.find(database, token)
        assert found is not None
        assert found.needs_touch == needs_touch


class TestLifetimes:
    """Two idle hours and a day in all, or thirty days when remembered."""

    @pytest.fixture(params=[False, True], ids=["saved", "shortened"])
    def start(self, database: Database, ada: User, request: pytest.FixtureRequest) -> Callable[[bool], str]:
        """Start a session under these lifetimes, or before an administrator saved them."""

        def start(remembered: bool) -> str:
            if not request.param:
                save_policy(database, **LIFETIMES)
            with database.transaction() as session:
                _session, token = service.start(session, ada, CLIENT, remembered)
            save_policy(database, **LIFETIMES)
            return token

        return start

    @pytest.mark.one_database
    @pytest.mark.parametrize(
        ("remembered", "later", "idle", "valid"),
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
    def test_a_session_ends_when_idle_or_too_old_or_when_the_clock_was_set_back_by_days(
        self,
        database: Database,
        ada: User,
        start: Callable[[bool], str],
        remembered: bool,
        later: timedelta,
        idle: timedelta,
        valid: bool,
    ) -> None:
        token, then = start(remembered), clock.now() + later
        with database.transaction() as session:
            session.execute(update(Session).values(last_seen_at=then - idle))
        with time_machine.travel(then), database.transaction() as session:
            is_listed = bool(service.list_for_user(session, ada.id))
            if later > timedelta():
                service.sweep(session, clock.now())
                assert (session.scalar(select(Session.id)) is not None) == valid
        with time_machine.travel(then):
            assert (user_id_of(database, token) is not None, is_listed) == (valid, valid)

    def test_longer_lifetimes_apply_to_new_sessions_only(
        self, database: Database, ada: User, signed_in: SignedIn
    ) -> None:
        save_policy(database, **LIFETIMES)
        token = signed_in(ada)
        save_policy(database, **LIFETIMES | {"session_idle_minutes": 9 * 24 * 60, "session_minutes": 9 * 24 * 60})
        with time_machine.travel(clock.now() + 2 * DAY):
            assert user_id_of(database, token) is None
