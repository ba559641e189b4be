"""Signing in with an address and a password, below the pages."""

from collections.abc import Callable
from unittest import mock

import argon2
import pytest
from sqlalchemy import select

from tests.accounts.conftest import NEW_PASSWORD, set_state, sign_in
from tests.support import browser
from webapp.accounts.models import LinkPurpose, Session, User, UserState
from webapp.accounts.password_links import service
from webapp.accounts.passwords import hashing
from webapp.accounts.sessions.login import LoginRefused
from webapp.core.app_state import AppState

NewLink = Callable[..., str]


def test_a_token_is_not_in_the_database(parts: AppState, ada: User) -> None:
    token = sign_in(parts, "ADA@example.com")
    with parts.database.read() as session:
        row = session.scalars(select(Session)).one()
    assert (row.user_id, row.address, row.device) == (ada.id, "192.0.2.1", "Firefox")
    assert token not in str(vars(row))


@pytest.mark.parametrize("state", [UserState.PENDING, UserState.DISABLED])
def test_only_active_people_are_let_in(parts: AppState, ada: User, state: UserState) -> None:
    set_state(parts.database, ada, state)
    with pytest.raises(LoginRefused):
        sign_in(parts, ada.email)


@pytest.mark.parametrize("email", ["", "nobody@example.com", "ada", "x" * 2000])
def test_nobody_is_not_let_in(parts: AppState, ada: User, email: str) -> None:
    with pytest.raises(LoginRefused):
        sign_in(parts, email)


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_a_password_is_hashed_whether_there_is_an_account_or_not(
    parts: AppState, ada: User, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    counted = mock.Mock(wraps=hashing.verify)
    monkeypatch.setattr(hashing, "verify", counted)
    with pytest.raises(LoginRefused):
        sign_in(parts, email, "wrong")
    counted.assert_called_once()


def test_a_hash_is_renewed_when_the_parameters_changed(parts: AppState, ada: User) -> None:
    old = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(browser.PASSWORD)
    with parts.database.transaction() as session:
        session.get_one(User, ada.id).password_hash = old
    assert sign_in(parts, ada.email)
    with parts.database.read() as session:
        kept = session.get_one(User, ada.id).password_hash
    assert kept is not None
    assert not hashing.needs_rehash(kept)


def test_a_reset_while_the_password_is_checked_wins(
    parts: AppState, ada: User, new_link: NewLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, fits = new_link(ada, LinkPurpose.RESET), hashing.verify

    def slowly(password: str, kept: str | None) -> bool:
        with parts.database.transaction() as session:
            service.complete_reset(session, secret, hashing.hash_password(NEW_PASSWORD))
        return fits(password, kept)

    monkeypatch.setattr(hashing, "verify", slowly)
    with pytest.raises(LoginRefused):
        sign_in(parts, ada.email)
