"""Signing in with an address and a password, below the pages."""

from unittest import mock

import argon2
import pytest
from sqlalchemy import select

from tests.accounts.conftest import NEW_PASSWORD, NewLink, set_state, sign_in
from tests.support import browser
from webapp.accounts.models import LinkPurpose, Session, User, UserState
from webapp.accounts.password_links import service
from webapp.accounts.passwords import hashing
from webapp.accounts.sessions.login import LoginRefused
from webapp.core.app_state import AppState


def test_the_token_of_a_session_is_not_in_the_database(state: AppState, ada: User) -> None:
    token = sign_in(state, "ADA@example.com")
    with state.database.read() as session:
        row = session.scalars(select(Session)).one()
    assert (row.user_id, row.ip_address, row.user_agent) == (ada.id, "192.0.2.1", "Firefox")
    assert token not in str(vars(row))


@pytest.mark.parametrize("user_state", [UserState.PENDING, UserState.DISABLED])
def test_only_active_users_can_sign_in(state: AppState, ada: User, user_state: UserState) -> None:
    set_state(state.database, ada, user_state)
    with pytest.raises(LoginRefused):
        sign_in(state, ada.email)


def test_a_password_is_hashed_whether_or_not_the_address_is_used(
    state: AppState, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = mock.Mock(wraps=hashing.verify)
    monkeypatch.setattr(hashing, "verify", counted)
    for number, email in enumerate(("", "ada@example.com", "nobody@example.com", "ada", "x" * 2000)):
        with pytest.raises(LoginRefused):
            sign_in(state, email, "wrong")
        assert counted.call_count == number + 1


def test_a_hash_is_renewed_when_the_parameters_have_changed(state: AppState, ada: User) -> None:
    old = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(browser.PASSWORD)
    with state.database.transaction() as session:
        session.get_one(User, ada.id).password_hash = old
    assert sign_in(state, ada.email)
    with state.database.read() as session:
        stored = session.get_one(User, ada.id).password_hash
    assert stored is not None
    assert not hashing.needs_rehash(stored)


def test_a_reset_while_the_old_password_is_verified_wins(
    state: AppState, ada: User, new_link: NewLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, verify = new_link(ada, LinkPurpose.RESET), hashing.verify

    def slowly(password: str, stored_hash: str | None) -> bool:
        with state.database.transaction() as session:
            service.complete_reset(session, secret, hashing.hash_password(NEW_PASSWORD))
        return verify(password, stored_hash)

    monkeypatch.setattr(hashing, "verify", slowly)
    with pytest.raises(LoginRefused):
        sign_in(state, ada.email)
