"""The accounts of the demo. Their passwords are public: the demo listens on loopback only."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts import service
from webapp.accounts.models import Role, User, UserState
from webapp.accounts.passwords import hashing
from webapp.accounts.users import administration


@dataclass(frozen=True)
class DemoAccount:
    """One account, as the sign-in page of the demo lists it."""

    name: str
    email: str
    password: str
    role: Role


ACCOUNTS = [
    DemoAccount("System administrator", "sysadmin@mailroom.example", "sysadmin-demo", Role.ADMINISTRATOR),
    DemoAccount("Person", "person@mailroom.example", "person-demo", Role.MEMBER),
]


def create(session: Session) -> None:
    """Create the accounts, active, if there are no users yet."""
    if session.scalar(select(User.id).limit(1)) is not None:
        return
    for account in ACCOUNTS:
        # Only administrators can be created active.
        password_hash = hashing.hash_password(account.password)
        created = administration.create_administrator(session, account.email, account.name, password_hash)
        created.role = account.role


def usable(session: Session) -> list[DemoAccount]:
    """Return the accounts whose email address and password are still the ones listed here."""
    return [account for account in ACCOUNTS if _is_unchanged(service.find_by_email(session, account.email))]


def _is_unchanged(user: User | None) -> bool:
    return user is not None and user.state == UserState.ACTIVE and user.password_changed_at == user.created_at
