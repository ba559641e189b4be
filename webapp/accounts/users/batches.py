"""Create many users at once, as imports and applications do."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from sqlalchemy.orm import Session

from webapp.accounts import audit_events, webhook_events
from webapp.accounts.models import User, UserState, searchable
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.database import insert_into


class NewUser(Protocol):
    """Somebody to create."""

    @property
    def email(self) -> str:
        """The email address."""

    @property
    def email_key(self) -> str:
        """The address as it is compared."""

    @property
    def name(self) -> str:
        """The name."""

    @property
    def role(self) -> str:
        """One of Role."""

    @property
    def language(self) -> str | None:
        """A code from `core.i18n`; None is the language of the browser."""


class Created(NamedTuple):
    """A new user."""

    id: int
    email: str
    name: str
    role: str
    state: str


def create(session: Session, people: Iterable[NewUser]) -> dict[str, Created]:
    """Create a pending user for each address that nobody has; return them by it. No address comes twice."""
    # In one order, so that two of the same people never wait for each other.
    rows = [_row(person) for person in sorted(people, key=lambda person: person.email_key)]
    if not rows:
        return {}
    statement = insert_into(session, User).on_conflict_do_nothing(index_elements=[User.email_key])
    columns = [getattr(User, name) for name in Created._fields]
    inserted = session.connection().execute(statement.returning(User.email_key, *columns), rows)
    created = {key: Created(*values) for key, *values in inserted}
    _record(session, created.values())
    webhook_events.announce(session, webhook_events.CREATED, *created.values())
    return created


def _row(person: NewUser) -> dict[str, object]:
    return {
        "email": person.email,
        "email_key": person.email_key,
        "name": person.name,
        "search_text": searchable(person.name, person.email),
        "role": person.role,
        "state": UserState.PENDING,
        "language": person.language,
        "created_at": clock.now(),
    }


def _record(session: Session, created: Iterable[Created]) -> None:
    by_role: dict[str, list[Created]] = {}
    for user in created:
        by_role.setdefault(user.role, []).append(user)
    for role, users in by_role.items():
        audit.record_all(session, audit_events.USER_CREATED, users, role=str(role))
