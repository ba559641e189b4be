"""Links that were opened, and those that were refused, as the audit trail tells of them.

Anybody can open a link, or what looks like one, without end. So only so much is written about each
link in a day, and in an hour about all those that do not exist.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from webapp.accounts import events, throttles
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import LinkNotFound, LinkReplaced
from webapp.accounts.models import Link, LinkPurpose, User
from webapp.audit import service as audit
from webapp.audit.registry import EventType
from webapp.core import rate_limits
from webapp.core.database import Database
from webapp.core.errors import MailroomError
from webapp.core.rate_limits import Limit

BY_LINK = Limit("entries about a link, event and link", 10, timedelta(days=1))
UNKNOWN = Limit("entries about unknown links, anybody", 60, timedelta(hours=1))


def record_opened(database: Database, secret: str, purpose: LinkPurpose) -> None:
    """Somebody opened it: a person, or what looks at a person's mail. An unknown one is refused on the next page."""
    try:
        with database.read() as session:
            link = links.find(session, secret, purpose)
    except LinkNotFound:
        return
    with database.transaction() as session:
        _note(session, events.LINK_OPENED, link)


def record_refused(
    session: Session, secret: str, purpose: LinkPurpose, why: MailroomError, client_address: str
) -> None:
    """It did not do what it was for. Without a secret, nobody came with a link.

    Raises TooManyRequests for whoever tries many that nobody was sent; so others' guesses refuse nobody's link.
    """
    if isinstance(why, LinkNotFound):
        throttles.count_unknown_link(session, client_address)
    # The link that this browser holds is another one, and was not tried.
    if not secret or isinstance(why, LinkReplaced):
        return
    reason = type(why).__name__
    try:
        link = links.find(session, secret, purpose)
    except LinkNotFound:
        if rate_limits.try_consume(session, UNKNOWN, ""):
            audit.record(session, events.LINK_REJECTED, purpose=purpose, reason=reason)
    else:
        _note(session, events.LINK_REJECTED, link, reason=reason)


def _note(session: Session, event: EventType, link: Link, **facts: Any) -> None:
    if rate_limits.try_consume(session, BY_LINK, f"{event.key} {link.id}"):
        audit.record(session, event, session.get(User, link.user_id), purpose=link.purpose, **facts)
