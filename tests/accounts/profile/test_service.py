"""Name, password and sessions of one's own account."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from tests.accounts.conftest import NEW_PASSWORD, Queued, SignedIn, run_at_once
from tests.support import browser
from webapp.accounts.models import Session, User
from webapp.accounts.profile import service as profile
from webapp.accounts.sessions import service as sessions
from webapp.accounts.users import listing
from webapp.accounts.users.listing import UserFilter
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.core.errors import NotFound
from webapp.web.client import Client


def change(state: AppState, user: User, current: str = browser.PASSWORD, new: str = NEW_PASSWORD) -> str:
    """Change the password in the user's first session, and return its new token."""
    with state.database.read() as session:
        user_session = session.scalars(
            select(Session).where(Session.user_id == user.id).order_by(Session.id).limit(1)
        ).one()
    return profile.change_password(state.database, user, current, new, user_session, Client("", "")).token


def is_valid(database: Database, token: str) -> bool:
    """Return whether the token belongs to a valid session."""
    return sessions.find(database, token) is not None


def test_a_user_is_found_by_the_new_name(database: Database, ada: User) -> None:
    with database.transaction() as session:
        profile.rename(session, ada.id, "Élodie Müller")
    with database.read() as session:
        found, _more = listing.list_users(session, UserFilter("ÉLODIE ada@example"), None)
        assert [user.name for user in found] == ["Élodie Müller"]
        assert listing.list_users(session, UserFilter("Ada Lovelace"), None) == ([], False)


class TestPassword:
    """Changing the password."""

    def test_only_one_of_several_simultaneous_changes_succeeds(
        self, state: AppState, ada: User, signed_in: SignedIn, queued: Queued
    ) -> None:
        signed_in(ada)
        results = run_at_once([lambda: change(state, ada)] * 4)
        assert sorted(type(result).__name__ for result in results) == ["WrongPassword"] * 3 + ["str"]
        assert len(queued()) == 1


class TestSessions:
    """The user's sessions."""

    def test_the_most_recently_used_come_first_and_ended_ones_are_not_listed(
        self, database: Database, ada: User, signed_in: SignedIn
    ) -> None:
        for hours in (30, 2, 1):
            with time_machine.travel(clock.now() - timedelta(hours=hours)):
                signed_in(ada)
        with database.read() as session:
            ids = [one.id for one in sessions.list_for_user(session, ada.id)]
        assert ids == [3, 2]

    def test_one_can_be_ended(self, database: Database, ada: User, signed_in: SignedIn) -> None:
        one, other = signed_in(ada), signed_in(ada)
        with database.transaction() as session:
            profile.sign_out(session, ada.id, 1)
        assert (is_valid(database, one), is_valid(database, other)) == (False, True)

    def test_unknown_ids_end_none(self, database: Database, ada: User, signed_in: SignedIn) -> None:
        signed_in(ada)
        for number in [0, 2, 2**31, 2**63, 10**30]:
            with pytest.raises(NotFound), database.transaction() as session:
                profile.sign_out(session, ada.id, number)

    def test_other_users_sessions_cannot_be_ended(self, database: Database, ada: User, signed_in: SignedIn) -> None:
        token = signed_in(ada)
        with pytest.raises(NotFound), database.transaction() as session:
            profile.sign_out(session, ada.id + 1, session.scalars(select(Session.id)).one())
        with database.transaction() as session:
            sessions.end_others(session, ada.id + 1, 0)
        assert is_valid(database, token)
