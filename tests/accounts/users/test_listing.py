"""The list of users: search, filters, pages."""

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import select

from tests.support.query_plans import query_plans
from tests.support.users import add_user
from webapp.accounts import service
from webapp.accounts.models import Role, User, UserState, UserWord
from webapp.accounts.users import listing
from webapp.accounts.users.listing import UserFilter
from webapp.core.database import Database

Find = Callable[..., list[str]]


@pytest.fixture
def find(database: Database) -> Find:
    """Return the addresses on the first page of the list with this search and these filters."""

    def find(search: str = "", state: str = "", role: str = "") -> list[str]:
        with database.read() as session:
            found, _more = listing.list_users(session, UserFilter(search, state, role), None)
        return [user.email for user in found]

    return find


@pytest.fixture(params=["rare", "frequent"])
def _words(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all words for rare ones, or for frequent ones."""
    if request.param == "frequent":
        monkeypatch.setattr(listing, "FEW_USERS", 0)


SEARCHES = {
    "lovelace": ["ada@example.com"],
    "ADA love": ["ada@example.com"],
    "ada@ex": ["ada@example.com"],
    "élodie": ["elo@bücher.example"],
    "E\u0301LODIE mu\u0308l": ["elo@bücher.example"],
    "ELO@BÜCHER.example": ["elo@bücher.example"],
    "@example": ["elo@bücher.example", "ada@example.com"],
    "太": ["taro@firma.test"],
    "ovelace": [],
    "%": [],
    "_": [],
    "nobody": [],
    "ada nobody": [],
    "x" * 200: [],
}


@pytest.mark.usefixtures("_words")
def test_a_search_finds_beginnings_of_words_of_names_and_addresses(database: Database, find: Find) -> None:
    add_user(database, "ada@example.com", name="Ada Lovelace")
    add_user(database, "elo@bücher.example", name="Élodie Müller")
    add_user(database, "taro@firma.test", name="山田太郎")
    assert {search: find(search) for search in SEARCHES} == SEARCHES


def test_a_complete_address_finds_only_its_user(database: Database, find: Find) -> None:
    for email in ("ada@example.com", "nada@example.com", "ada@example.com.test"):
        add_user(database, email)
    assert find("ADA@Example.com") == ["ada@example.com"]
    assert find("ADA@Example.com", state="pending") == []


@pytest.mark.usefixtures("_words")
def test_filters_and_search_limit_the_list_together(database: Database, find: Find) -> None:
    for number, (state, role) in enumerate((state, role) for state in UserState for role in Role):
        add_user(database, f"u{number}@example.com", role, state, name="Ada")
    assert len(find("ada")) == 6
    assert find("ada", state="disabled") == ["u5@example.com", "u4@example.com"]
    assert find("ada", "disabled", "administrator") == find("", "disabled", "administrator") == ["u4@example.com"]
    assert find(role="member") == ["u5@example.com", "u3@example.com", "u1@example.com"]


@pytest.mark.usefixtures("_words")
@pytest.mark.parametrize("search", ["", "example"])
def test_pages_run_from_the_newest_user_to_the_oldest(
    database: Database, monkeypatch: pytest.MonkeyPatch, search: str
) -> None:
    monkeypatch.setattr(listing, "CANDIDATES", 3)
    monkeypatch.setattr(listing, "CHUNK_SIZE", 5)
    ids = [add_user(database, f"p{number}@example.com") for number in range(7)]
    with database.read() as session:
        first, more = listing.list_users(session, UserFilter(search), None, 4)
        second, end = listing.list_users(session, UserFilter(search), first[-1].id, 4)
        assert listing.count(session, UserFilter(search)) == 7
    everybody = [user for chunk in listing.read_all(database, UserFilter(search)) for user in chunk]
    assert [user.id for user in first + second] == [user.id for user in everybody] == ids[::-1]
    assert (len(first), more, end) == (4, True, False)


def test_the_words_of_a_user_follow_name_address_and_account(database: Database, find: Find) -> None:
    user_id = add_user(database, "ada@example.com", name="Ada Lovelace")
    with database.transaction() as session:
        user = service.get_user(session, user_id, lock=True)
        service.rename(session, user, "Ada King")
        service.assign_email(session, user, "ada@new.example")
    assert (find("king"), find("new"), find("lovelace"), find("com")) == (
        ["ada@new.example"],
        ["ada@new.example"],
        [],
        [],
    )
    with database.transaction() as session:
        session.delete(session.get_one(User, user_id))
    with database.read() as session:
        assert session.scalars(select(UserWord)).all() == []


INDEXED = [
    (UserFilter("ada"), "user_words"),
    (UserFilter(state="pending"), "ix_users_state"),
    (UserFilter(role="member"), "ix_users_role"),
    (UserFilter(state="pending", role="member"), "ix_users_role_state"),
]


def test_each_list_is_read_in_the_order_of_an_index(database: Database) -> None:
    add_user(database, "ada@example.com")
    for user_filter, index in INDEXED:
        plans = query_plans(database, partial(listing.list_users, user_filter=user_filter, before=None))
        assert index in plans[0]
        assert not [plan for plan in plans if "Seq Scan" in plan or "B-TREE" in plan or "Sort" in plan]
