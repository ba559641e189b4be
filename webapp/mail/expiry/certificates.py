"""Until when the certificate of the saved mail server is valid."""

from datetime import datetime, timedelta

from sqlalchemy import update

from webapp.core import clock
from webapp.core.certificates import CertificateFacts
from webapp.core.database import Database
from webapp.mail.models import MailServer

# How often an unchanged certificate is recorded.
SEEN_INTERVAL = timedelta(days=1)
# How much later it is checked if no email was sent meanwhile.
CHECK_DELAY = timedelta(hours=1)


def record(
    database: Database, server: MailServer | None, certificate: CertificateFacts | None, asked: bool = False
) -> None:
    """Save the certificate that the server presented if it is new, was not recorded for a day, or a person asked."""
    now = clock.now()
    if server is None or certificate is None or not (asked or _is_worth_recording(server, certificate, now)):
        return
    # Another server may have been saved since this one was contacted.
    unchanged = [getattr(MailServer, name) == getattr(server, name) for name in ("id", "host", "port", "security")]
    values = {
        "certificate_since": certificate.since,
        "certificate_expires_at": certificate.expires_at,
        "certificate_seen_at": now,
    }
    with database.transaction() as session:
        session.execute(update(MailServer).where(*unchanged).values(values))


def needs_check(server: MailServer, now: datetime) -> bool:
    """Return whether the certificate was not seen for longer than sending email would have taken to see it."""
    last = server.certificate_seen_at or server.updated_at
    return server.security != "none" and now - last >= SEEN_INTERVAL + CHECK_DELAY


def _is_worth_recording(server: MailServer, certificate: CertificateFacts, now: datetime) -> bool:
    same = (server.certificate_since, server.certificate_expires_at) == (certificate.since, certificate.expires_at)
    return not same or server.certificate_seen_at is None or now - server.certificate_seen_at >= SEEN_INTERVAL
