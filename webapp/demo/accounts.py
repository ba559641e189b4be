"""The demo's accounts. Everybody may know their passwords: the demo listens on loopback alone."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from webapp.accounts import service
from webapp.accounts.models import Role


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
    """Create those that do not exist yet, able to sign in."""
    for account in ACCOUNTS:
        if service.by_email(session, account.email) is None:
            # The one way to an account that is active from the start.
            created = service.create_administrator(session, account.email, account.name, account.password)
            created.role = account.role
