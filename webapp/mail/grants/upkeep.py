"""What needs a look also while no mail leaves: grants that lapse unused, the server's certificate, warnings."""

from dataclasses import replace
from datetime import datetime

import structlog

from webapp.context import Parts
from webapp.mail import opening, service
from webapp.mail.expiries import certificates
from webapp.mail.failures import DeliveryError
from webapp.mail.grants import renewal
from webapp.mail.models import MailServer
from webapp.mail.oauth.faults import OAuthFault
from webapp.mail.transport import MailConnection
from webapp.registry import UnknownProvider
from webapp.sealing import SealBroken
from webapp.settings.service import general

log = structlog.get_logger(__name__)


def refresh_lapsing(parts: Parts, now: datetime) -> None:
    """Renew every grant that is due; failures are saved with the grant, as when mail is sent.

    So grants that are not used stay alive, and a dead one is known within a day.
    """
    for server_id in renewal.due_for_upkeep(parts, now):
        with parts.database.reading() as session:
            server = session.get(MailServer, server_id)
        if server is None:
            continue
        try:
            opening.token_source(server, parts).renew()
        except OAuthFault as fault:
            log.warning("grant not kept alive", code=fault.code)


def look_at_certificate(parts: Parts, now: datetime) -> None:
    """See the server's certificate, where no mail has shown it for a day: connect, and sign in nowhere."""
    with parts.database.reading() as session:
        server, present = service.primary(session), general(session, parts.config)
    if server is None or not certificates.is_unseen(server, now):
        return
    try:
        opened = replace(opening.opened(server, parts, present), authentication="none", tokens=None)
        with MailConnection(opened) as connection:
            certificates.note(parts.database, server, connection.certificate)
    except (DeliveryError, UnknownProvider, SealBroken) as error:
        log.warning("certificate not seen", error=str(error))
