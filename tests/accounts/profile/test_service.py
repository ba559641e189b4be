"""Name, password and sign-ins, below the pages."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from tests.accounts.conftest import NEW_PASSWORD, Ask, run_at_once
from tests.support import browser
from webapp.accounts.address_changes import service as address
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, Session, User
from webapp.accounts.password_links import service as password_links
from webapp.accounts.passwords import hashing
from webapp.accounts.profile import service as profile
from webapp.accounts.sessions import login
from webapp.accounts.sessions import service as sign_ins
from webapp.accounts.sessions.reauthentication import SessionEnded, WrongPassword
from webapp.accounts.users import administration
from webapp.core import clock
from webapp.core.app_state import AppState
from webapp.core.database import Database
from webapp.core.errors import NotFound
from webapp.web.client import Client

NewLink = Callable[..., str]
SignedIn = Callable[[User], str]
Queued = Callable[[], list[tuple[str, str]]]


def change(parts: AppState, person: User, current: str = browser.PASSWORD, new: str = NEW_PASSWORD) -> str:
    """Change the password in the person's first sign-in; the new token."""
    with parts.database.read() as session:
        here = session.scalars(select(Session).where(Session.user_id == person.id).order_by(Session.id).limit(1)).one()
    return profile.change_password(parts.database, person, current, new, here, Client("", "")).token


def lives(database: Database, token: str) -> bool:
    """Whether somebody is signed in with this token."""
    return sign_ins.find(database, token) is not None


def test_a_person_is_found_by_the_new_name(database: Database, ada: User) -> None:
    with database.transaction() as session:
        profile.rename(session, ada.id, "Élodie Müller")
    with database.read() as session:
        found, _more = administration.list_users(session, "ÉLODIE ada@example", None)
        assert [person.name for person in found] == ["Élodie Müller"]
        assert administration.list_users(session, "Ada Lovelace", None) == ([], False)


class TestPassword:
    """Another password."""

    def test_it_keeps_this_sign_in_with_another_token_and_ends_the_others(
        self, parts: AppState, ada: User, signed_in: SignedIn, queued: Queued
    ) -> None:
        mine, other = signed_in(ada), signed_in(ada)
        token = change(parts, ada)
        assert [lives(parts.database, one) for one in (token, mine, other)] == [True, False, False]
        assert queued() == [("password_changed", ada.email)]

    def test_a_replaced_token_lasts_no_longer_than_before(
        self, parts: AppState, ada: User, signed_in: SignedIn
    ) -> None:
        signed_in(ada)
        with time_machine.travel(clock.now() + timedelta(hours=23)):
            token = change(parts, ada)
        with time_machine.travel(clock.now() + timedelta(hours=25)):
            assert not lives(parts.database, token)

    def test_open_links_die_but_for_those_that_restore_an_address(
        self, parts: AppState, ada: User, new_link: NewLink, ask: Ask
    ) -> None:
        secrets = {purpose: new_link(ada, purpose) for purpose in LinkPurpose if purpose != LinkPurpose.ACTIVATION}
        ask(ada)
        change(parts, ada)
        with parts.database.read() as session:
            alive = [p for p, secret in secrets.items() if links.find(session, secret, p).revoked_at is None]
            assert address.find_pending(session, ada.id) is None
        assert alive == [LinkPurpose.RESTORE_ADDRESS]

    def test_without_the_present_one_nothing_changes(
        self, parts: AppState, ada: User, signed_in: SignedIn, queued: Queued
    ) -> None:
        token = signed_in(ada)
        with pytest.raises(WrongPassword):
            change(parts, ada, current="wrong")
        assert lives(parts.database, token)
        assert queued() == []
        assert login.sign_in(parts.database, ada.email, browser.PASSWORD, Client("", ""))

    def test_of_several_changes_at_once_one_wins(
        self, parts: AppState, ada: User, signed_in: SignedIn, queued: Queued
    ) -> None:
        signed_in(ada)
        ends = run_at_once([lambda: change(parts, ada)] * 4)
        assert sorted(type(end).__name__ for end in ends) == ["WrongPassword"] * 3 + ["str"]
        assert len(queued()) == 1

    def test_another_window_may_renew_the_sign_in_meanwhile(
        self, parts: AppState, ada: User, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signed_in(ada)
        fits = hashing.verify

        def slowly(password: str, kept: str | None) -> bool:
            with parts.database.transaction() as session:
                sign_ins.rotate_token(session, 1)
            return fits(password, kept)

        monkeypatch.setattr(hashing, "verify", slowly)
        assert lives(parts.database, change(parts, ada))

    def test_a_reset_while_the_password_is_checked_wins(
        self, parts: AppState, ada: User, signed_in: SignedIn, new_link: NewLink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signed_in(ada)
        secret, fits = new_link(ada, LinkPurpose.RESET), hashing.verify

        def slowly(password: str, kept: str | None) -> bool:
            with parts.database.transaction() as session:
                password_links.complete_reset(session, secret, "the hash of another")
            return fits(password, kept)

        monkeypatch.setattr(hashing, "verify", slowly)
        with pytest.raises(SessionEnded):
            change(parts, ada)


class TestSignIns:
    """The person's browsers."""

    def test_those_used_last_come_first_and_ended_ones_not_at_all(
        self, database: Database, ada: User, signed_in: SignedIn
    ) -> None:
        for hours in (30, 2, 1):
            with time_machine.travel(clock.now() - timedelta(hours=hours)):
                signed_in(ada)
        with database.read() as session:
            ids = [one.id for one in profile.list_sessions(session, ada.id)]
        assert ids == [3, 2]

    def test_one_can_be_ended(self, database: Database, ada: User, signed_in: SignedIn) -> None:
        one, other = signed_in(ada), signed_in(ada)
        with database.transaction() as session:
            profile.sign_out(session, ada.id, 1)
        assert (lives(database, one), lives(database, other)) == (False, True)

    @pytest.mark.parametrize("number", [0, 2, 2**31, 2**63, 10**30])
    def test_numbers_of_nobodys_sign_in_end_none(
        self, database: Database, ada: User, signed_in: SignedIn, number: int
    ) -> None:
        signed_in(ada)
        with pytest.raises(NotFound), database.transaction() as session:
            profile.sign_out(session, ada.id, number)

    def test_nobody_ends_somebody_elses(self, database: Database, ada: User, signed_in: SignedIn) -> None:
        token = signed_in(ada)
        with pytest.raises(NotFound), database.transaction() as session:
            profile.sign_out(session, ada.id + 1, session.scalars(select(Session.id)).one())
        with database.transaction() as session:
            sign_ins.end_others(session, ada.id + 1, 0)
        assert lives(database, token)
