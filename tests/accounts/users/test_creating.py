"""Creating users."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.accounts.conftest import NEW_PASSWORD, Queued, run_at_once, sign_in
from webapp.accounts import service
from webapp.accounts.models import Role, User, UserState
from webapp.accounts.passwords import hashing
from webapp.accounts.service import AddressTaken
from webapp.accounts.users import administration
from webapp.core.app_state import AppState
from webapp.outbox.models import Message


def create(state: AppState, email: str, name: str = "Eve", by_email: bool = True) -> User:
    """Create a member."""
    with state.database.transaction() as session:
        return administration.create_user(session, email=email, name=name, role=Role.MEMBER, send_activation=by_email)


class TestCreating:
    """New users."""

    def test_a_new_user_gets_an_activation_email_that_expires_with_its_link(self, state: AppState) -> None:
        user = create(state, "eve@example.com")
        with state.database.read() as session:
            message = session.scalars(select(Message)).one()
        assert (user.state, user.password_hash) == (UserState.PENDING, None)
        assert (message.kind, message.user_id) == ("activation", user.id)
        assert message.expires_at is not None
        assert abs(message.expires_at - message.created_at - timedelta(hours=24)) < timedelta(minutes=1)

    @pytest.mark.parametrize("again", ["ada@example.com", "ADA@Example.COM"])
    def test_an_address_has_one_account_in_any_spelling(
        self, state: AppState, ada: User, queued: Queued, again: str
    ) -> None:
        with pytest.raises(AddressTaken):
            create(state, again)
        assert queued() == []

    def test_simultaneous_creations_with_one_address_give_one_account(self, state: AppState) -> None:
        results = run_at_once([lambda: create(state, "eve@example.com")] * 4)
        assert sorted(type(result).__name__ for result in results) == ["AddressTaken"] * 3 + ["User"]

    def test_a_created_administrator_can_sign_in_immediately(self, state: AppState) -> None:
        with state.database.transaction() as session:
            administration.create_administrator(
                session, "root@example.com", "Root", hashing.hash_password(NEW_PASSWORD)
            )
            assert service.has_administrator(session)
        assert sign_in(state, "root@example.com", NEW_PASSWORD)
