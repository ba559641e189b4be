"""Adding to the audit trail."""

from typing import Any

from sqlalchemy.orm import Session

from webapp.accounts.models import User
from webapp.audit.events import Event
from webapp.audit.models import AuditEntry
from webapp.core import clock, logs
from webapp.core.actor import current_actor
from webapp.core.email_addresses import MAX_LENGTH, comparison_key

# Whoever does these has just shown the person's password, or a link that was mailed to them.
OWN = frozenset({Event.SIGNED_IN, Event.NEW_DEVICE, Event.ACTIVATED, Event.RESET_DONE, Event.LINK_USED})


def record(session: Session, event: Event, person: User | None = None, address: str = "", **facts: Any) -> None:
    """Note in the trail that this happened, in the transaction that makes it true; then it is logged too.

    `person` is whose account it is about; where that is not looked up, `address` is the one that was
    typed, kept as addresses are compared, so that it is found however it was typed. `facts` hold
    nothing secret and no e-mail address: those are for the columns alone, as the log shall not name
    people.
    """
    actor = current_actor()
    by = person if person and event in OWN and actor.client and actor.id is None else actor
    session.add(
        AuditEntry(
            happened_at=clock.now(),
            event=event,
            by_id=by.id,
            by_email=by.email,
            person_id=person.id if person else None,
            person_email=person.email if person else comparison_key(address)[:MAX_LENGTH],
            client=actor.client,
            device=actor.device,
            facts=facts,
        )
    )
    named = facts if person is None else {"user": person.id, **facts}
    logs.log_after_commit(session, event.value, **named)
