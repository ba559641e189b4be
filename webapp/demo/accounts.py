"""The demo's accounts. Everybody may know their passwords: the demo listens on loopback alone."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts import service
from webapp.accounts.models import Role, User, UserState
from webapp.accounts.passwords import hashing
from webapp.accounts.users import administration


@dataclass(frozen=True)
class DemoAccount:
    """One account, as the sign-in page of the demo shows it."""

    name: str
    email: str
    password: str
    role: Role


ACCOUNTS = [
    DemoAccount("System administrator", "sysadmin@mailroom.example", "sysadmin-demo", Role.ADMINISTRATOR),
    DemoAccount("Person", "person@mailroom.example", "person-demo", Role.MEMBER),
]


def create(session: Session) -> None:
    """Create them, able to sign in, where there is nobody yet: one that got another address does not come back."""
    if session.scalar(select(User.id).limit(1)) is not None:
        return
    for account in ACCOUNTS:
        # The one way to an account that is active from the start.
        password_hash = hashing.hash_password(account.password)
        created = administration.create_administrator(session, account.email, account.name, password_hash)
        created.role = account.role


def present(session: Session) -> list[DemoAccount]:
    """Those that somebody can still sign in to with what stands here."""
    return [account for account in ACCOUNTS if _is_as_made(service.find_by_email(session, account.email))]


def _is_as_made(person: User | None) -> bool:
    return person is not None and person.state == UserState.ACTIVE and person.password_changed_at == person.created_at
