"""Adding to the audit trail."""

from typing import Any, Protocol

from sqlalchemy.orm import Session

from webapp.audit.models import AuditEntry
from webapp.audit.registry import EventType
from webapp.core import clock, logs
from webapp.core.actor import current_actor
from webapp.core.email_addresses import MAX_LENGTH, comparison_key


class Subject(Protocol):
    """Somebody an event is about: a user, in practice."""

    @property
    def id(self) -> int | None:
        """The user's id."""

    @property
    def email(self) -> str:
        """The user's email address."""


def record(
    session: Session, event_type: EventType, subject: Subject | None = None, email: str = "", **data: Any
) -> None:
    """Add an entry within the caller's transaction, and log the event once that is committed.

    `email` is the address that was entered, where no user was looked up; it is stored in the form
    used for comparisons. `data` must hold no secrets and no email addresses, because it is logged.
    """
    actor = current_actor()
    author = subject if subject and event_type.by_subject and actor.client and actor.id is None else actor
    session.add(
        AuditEntry(
            happened_at=clock.now(),
            event=event_type.key,
            by_id=author.id,
            by_email=author.email,
            person_id=subject.id if subject else None,
            person_email=subject.email if subject else comparison_key(email)[:MAX_LENGTH],
            client=actor.client,
            device=actor.device,
            facts=data,
        )
    )
    logs.log_after_commit(session, event_type.key, **({"user": subject.id, **data} if subject else data))
