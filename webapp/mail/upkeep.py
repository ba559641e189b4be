"""Grants that are not used stay alive, and a dead one is known within a day."""

from datetime import datetime

import structlog

from webapp.context import Parts
from webapp.mail import opening, renewal
from webapp.mail.models import MailServer
from webapp.mail.oauth.faults import OAuthFault

log = structlog.get_logger(__name__)


def refresh_lapsing(parts: Parts, now: datetime) -> None:
    """Renew every grant that is due; failures are saved with the grant, as when mail is sent."""
    for server_id in renewal.due_for_upkeep(parts, now):
        with parts.database.reading() as session:
            server = session.get(MailServer, server_id)
        if server is None:
            continue
        try:
            opening.token_source(server, parts).renew()
        except OAuthFault as fault:
            log.warning("grant not kept alive", code=fault.code)
