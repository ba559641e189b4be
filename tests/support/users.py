"""Accounts for tests, created without an activation email."""

from functools import cache

from tests.support.browser import PASSWORD
from webapp.accounts.models import Role, User, UserState
from webapp.accounts.passwords.hashing import hash_password
from webapp.core import clock
from webapp.core.database import Database


def add_user(
    database: Database,
    email: str,
    role: Role = Role.MEMBER,
    state: UserState = UserState.ACTIVE,
    name: str = "",
) -> int:
    """Save an account with the password PASSWORD (none if pending) and return its id."""
    pending = state == UserState.PENDING
    user = User(
        email=email,
        email_key=email.casefold(),
        name=name or email.partition("@")[0].title(),
        role=role,
        state=state,
        password_hash=None if pending else _hash(),
        created_at=clock.now(),
        activated_at=None if pending else clock.now(),
    )
    with database.transaction() as session:
        session.add(user)
    return user.id


@cache
def _hash() -> str:
    return hash_password(PASSWORD)
