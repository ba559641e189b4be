"""The list of users: search, filters, pages, and all that match.

A page of a search with a word that few users have is read from these few, whom an index finds. Words that many have are
soon found among the newest users, so those are read until the page is full. Only a search for several words
that many have each, and hardly anybody together, reads all users.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, false, func, select
from sqlalchemy.orm import Session

from webapp.accounts import service
from webapp.accounts.models import User, UserState, UserWord, search_words
from webapp.core.database import MAX_ID, Database

PAGE_SIZE = 50
# Words that more users have are frequent.
FEW_USERS = 20_000
# How many users are read at once: of those with a rare word, at first; to export all.
CANDIDATES = 200
CHUNK_SIZE = 1000
# Comes after each character that a word can contain.
_LAST = "\U0010ffff"


@dataclass(frozen=True)
class UserFilter:
    """Which users to list; empty values exclude nobody.

    `search` holds beginnings of words of the name and the address, or a complete address, which finds only its user.
    """

    search: str = ""
    state: str = ""
    role: str = ""

    def query_args(self) -> dict[str, Any]:
        """Return what is filled in, for URLs."""
        return {name: value for name, value in asdict(self).items() if value}


def list_users(
    session: Session, user_filter: UserFilter, before: int | None, size: int = PAGE_SIZE
) -> tuple[list[User], bool]:
    """Return the newest users, and whether there are older ones. `before` is the last id of the previous page."""
    end = MAX_ID if before is None else max(0, min(before, MAX_ID))
    newest = select(User).where(User.id < end, *conditions(session, user_filter)).order_by(User.id.desc())
    few = _few_with_words(session, user_filter.search)
    if few is None:
        found = list(session.scalars(newest.limit(size + 1)))
    else:
        found = _first_of(session, newest, sorted((id_ for id_ in few if id_ < end), reverse=True), size)
    return found[:size], len(found) > size


def read_all(database: Database, user_filter: UserFilter) -> Iterator[list[User]]:
    """Yield all users, newest first, in chunks. No transaction stays open between them: the client may be slow."""
    end = MAX_ID
    while True:
        with database.read() as session:
            newest = select(User).where(User.id < end, *conditions(session, user_filter)).order_by(User.id.desc())
            found = list(session.scalars(newest.limit(CHUNK_SIZE)))
        yield found
        if len(found) < CHUNK_SIZE:
            return
        end = found[-1].id


def count(session: Session, user_filter: UserFilter) -> int:
    """Return how many users there are; it reads all of them."""
    return session.scalar(select(func.count(User.id)).where(*conditions(session, user_filter))) or 0


def has_pending(session: Session) -> bool:
    """Return whether any user hasn't activated the account."""
    return session.scalar(select(User.id).where(User.state == UserState.PENDING).limit(1)) is not None


def conditions(session: Session, user_filter: UserFilter) -> list[ColumnElement[bool]]:
    """List the conditions for the users of a filter."""
    found = []
    if user_filter.state:
        found.append(User.state == user_filter.state)
    if user_filter.role:
        found.append(User.role == user_filter.role)
    if (owner := _owner(session, user_filter.search)) is not None:
        return [*found, User.id == owner]
    words = search_words(user_filter.search)
    if user_filter.search and not words:
        return [false()]
    # Words are letters and digits, so there is nothing to escape.
    return found + [User.search_text.like(f"% {word}%") for word in words]


def _owner(session: Session, search: str) -> int | None:
    """Return the id of the user whose complete address this is, if it is one."""
    return service.find_user_id(session, search) if "@" in search else None


def _few_with_words(session: Session, search: str) -> set[int] | None:
    """Return the ids of the users who have all rare words of a search; None if it has none but frequent ones."""
    if (owner := _owner(session, search)) is not None:
        return {owner}
    few: set[int] | None = None
    for word in search_words(search):
        having = select(UserWord.user_id).where(UserWord.word >= word, UserWord.word < word + _LAST)
        # Only the database counts them: reading so many takes longer than the page.
        if session.scalar(having.offset(FEW_USERS).limit(1)) is None:
            ids = session.connection().scalars(having).all()
            few = set(ids) if few is None else few.intersection(ids)
            if not few:
                return few
    return few


def _first_of(session: Session, newest: Select[User], ids: Sequence[int], size: int) -> list[User]:
    """Return the first users of a page whose ids are among these, which are in the order of the page."""
    found: list[User] = []
    start, number = 0, CANDIDATES
    while start < len(ids) and len(found) <= size:
        missing = size + 1 - len(found)
        found += session.scalars(newest.where(User.id.in_(ids[start : start + number])).limit(missing))
        # The first have told that the others are sought after in vain for the most part.
        start, number = start + number, number * 2
    return found
