"""The offer to restore earlier settings while email fails after a change, if they worked."""

from typing import NamedTuple, Self

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from webapp.mail import servers
from webapp.mail.models import MailServer
from webapp.mail.revisions import outcomes, service
from webapp.mail.revisions.models import Revision

_ANY = select(Revision.id).where(Revision.rollback_to.is_not(None)).limit(1)


class Offer(NamedTuple):
    """A server through which email fails, its revision in use, what was changed since the one that worked.

    `locked` are those of the changed fields that the settings file sets.
    """

    server: MailServer
    failing: Revision
    changed: list[str]
    locked: frozenset[str]

    @classmethod
    def of(cls, session: Session, server: MailServer, failing: Revision) -> Self:
        """Return the offer for a server."""
        changed = service.changed_since(session, failing, failing.rollback_to or 0)
        return cls(server, failing, changed, servers.locked(session, server).intersection(changed))


def any_offered(session: Session | Connection) -> bool:
    """Return whether there may be an offer; on almost every page there is none."""
    return session.scalar(_ANY) is not None


def all_offers(session: Session) -> dict[int, Offer]:
    """Return the offers by the ids of the servers, which are in order."""
    return {server.id: Offer.of(session, server, failing) for server, failing in outcomes.failing(session)}
