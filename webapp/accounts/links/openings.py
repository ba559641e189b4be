"""Links that were opened, and those that were refused, as the audit trail tells of them.

Anybody can open a link, or what looks like one, without end. So only so much is written about each
link in a day, and in an hour about all those that do not exist.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from webapp import limits
from webapp.accounts import tries
from webapp.accounts.links import service as links
from webapp.accounts.links.service import LinkUnknown, OtherLink
from webapp.accounts.models import Link, Purpose, User
from webapp.audit import service as audit
from webapp.audit.events import Event
from webapp.database import Database
from webapp.errors import Failure
from webapp.limits import Limit

BY_LINK = Limit("entries about a link, event and link", 10, timedelta(days=1))
UNKNOWN = Limit("entries about unknown links, anybody", 60, timedelta(hours=1))


def opened(database: Database, secret: str, purpose: Purpose) -> None:
    """Somebody opened it: a person, or what looks at a person's mail. An unknown one is refused on the next page."""
    try:
        with database.reading() as session:
            link = links.find(session, secret, purpose)
    except LinkUnknown:
        return
    with database.writing() as session:
        _note(session, Event.LINK_OPENED, link)


def refused(
    session: Session, secret: str, purpose: Purpose, why: Failure, client_address: str, limited: bool = True
) -> None:
    """It did not do what it was for. Without a secret, nobody came with a link.

    Raises TooManyRequests for whoever tries many that nobody was sent; so others' guesses refuse nobody's link.
    """
    if limited and isinstance(why, LinkUnknown):
        tries.unknown_link(session, client_address)
    # The link that this browser holds is another one, and was not tried.
    if not secret or isinstance(why, OtherLink):
        return
    reason = type(why).__name__
    try:
        link = links.find(session, secret, purpose)
    except LinkUnknown:
        if limits.taken(session, UNKNOWN, ""):
            audit.record(session, Event.LINK_REFUSED, purpose=purpose, reason=reason)
    else:
        _note(session, Event.LINK_REFUSED, link, reason=reason)


def _note(session: Session, event: Event, link: Link, **facts: Any) -> None:
    if limits.taken(session, BY_LINK, f"{event} {link.id}"):
        audit.record(session, event, session.get(User, link.user_id), purpose=link.purpose, **facts)
