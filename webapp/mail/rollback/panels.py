"""What administrators see on every page while email fails after a change, and the settings before it worked."""

from typing import NamedTuple

from flask import render_template
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.core.app_state import app_state
from webapp.mail import servers
from webapp.mail.models import MailServer
from webapp.mail.revisions import outcomes, service
from webapp.mail.revisions.models import Revision

_ANY = select(Revision.id).where(Revision.rollback_to.is_not(None)).limit(1)


class _Offer(NamedTuple):
    """A server through which email fails, its revision in use, what was changed since the one that worked.

    `locked` are those of the changed fields that the settings file sets.
    """

    server: MailServer
    failing: Revision
    changed: list[str]
    locked: frozenset[str]

    @classmethod
    def of(cls, session: Session, server: MailServer, failing: Revision) -> "_Offer":
        changed = service.changed_since(session, failing, failing.rollback_to or 0)
        return cls(server, failing, changed, servers.locked(session, server).intersection(changed))


def rollback() -> str:
    """Render the offers that there are."""
    with app_state().database.read_columns() as connection:
        # On almost every page there is none.
        if connection.scalar(_ANY) is None:
            return ""
    with app_state().database.read() as session:
        found = [_Offer.of(session, *row) for row in outcomes.failing(session)]
    return render_template("mail/revisions/_rollback.html", found=found) if found else ""
