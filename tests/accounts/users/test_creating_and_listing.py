"""Creating and listing users, and finding one."""

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


class TestListing:
    """The list of users."""

    def test_pages_run_from_the_newest_user_to_the_oldest(self, state: AppState) -> None:
        count = administration.PAGE_SIZE + 5
        ids = [create(state, f"p{number}@example.com", by_email=False).id for number in range(count)]
        with state.database.read() as session:
            first, more = administration.list_users(session, "", None)
            second, end = administration.list_users(session, "", first[-1].id)
        assert [user.id for user in first + second] == ids[::-1]
        assert (len(first), more, end) == (administration.PAGE_SIZE, True, False)

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("lovelace", ["ada@example.com"]),
            ("ADA love", ["ada@example.com"]),
            ("ada@ex", ["ada@example.com"]),
            ("élodie", ["elo@bücher.example"]),
            ("ELO@BÜCHER.example", ["elo@bücher.example"]),
            ("example", ["elo@bücher.example", "ada@example.com"]),
            ("%", []),
            ("_", []),
            ("nobody", []),
        ],
    )
    def test_a_search_finds_parts_of_names_and_addresses(self, state: AppState, search: str, found: list[str]) -> None:
        create(state, "ada@example.com", "Ada Lovelace")
        create(state, "elo@bücher.example", "Élodie Müller")
        with state.database.read() as session:
            users, _more = administration.list_users(session, search, None)
        assert [user.email for user in users] == found

    def test_a_complete_address_finds_only_its_user(self, state: AppState) -> None:
        for email in ("ada@example.com", "nada@example.com"):
            create(state, email)
        with state.database.read() as session:
            users, more = administration.list_users(session, "ADA@Example.com", None)
            assert administration.list_users(session, "ada@example.com", users[0].id) == ([], False)
        assert ([user.email for user in users], more) == (["ada@example.com"], False)
