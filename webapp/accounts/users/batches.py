"""Create many users at once, as imports and applications do."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy.orm import Session

from webapp.accounts import audit_events, webhook_events
from webapp.accounts.models import Role, User, UserState, searchable
from webapp.accounts.webhook_events import Account
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.database import insert_into


class Person(NamedTuple):
    """Somebody to create, who was validated. `email_key` is the address as it is compared."""

    email: str
    email_key: str
    name: str
    language: str | None
    role: str = Role.MEMBER


def create(session: Session, people: Iterable[Person]) -> dict[str, Account]:
    """Create a pending user for each address that nobody has; return them by it. No address comes twice."""
    # In one order, so that two of the same people never wait for each other.
    rows = [_row(person) for person in sorted(people, key=lambda person: person.email_key)]
    if not rows:
        return {}
    statement = insert_into(session, User).on_conflict_do_nothing(index_elements=[User.email_key])
    columns = [getattr(User, name) for name in Account._fields]
    inserted = session.connection().execute(statement.returning(User.email_key, *columns), rows)
    created = {key: Account(*values) for key, *values in inserted}
    _record(session, created.values())
    webhook_events.announce(session, webhook_events.CREATED, *created.values())
    return created


def _row(person: Person) -> dict[str, object]:
    return {
        **person._asdict(),
        "search_text": searchable(person.name, person.email),
        "state": UserState.PENDING,
        "created_at": clock.now(),
    }


def _record(session: Session, created: Iterable[Account]) -> None:
    by_role: dict[str, list[Account]] = {}
    for user in created:
        by_role.setdefault(user.role, []).append(user)
    for role, users in by_role.items():
        audit.record_all(session, audit_events.USER_CREATED, users, role=str(role))
