"""The certificates that mail servers show, and until when the saved server's holds."""

from datetime import datetime, timedelta

from sqlalchemy import update

from webapp.core import clock
from webapp.core.database import Database
from webapp.mail.models import MailServer
from webapp.mail.transport.smtp import Certificate

# A certificate that stays the same is noted so often.
SEEN_INTERVAL = timedelta(days=1)


def record(database: Database, server: MailServer | None, certificate: Certificate | None) -> None:
    """Keep what the server showed: when it is another one, else once a day. Nothing is done for nothing."""
    now = clock.now()
    if server is None or certificate is None or not _is_news(server, certificate, now):
        return
    values = {"since": certificate.since, "expires_at": certificate.expires_at, "seen_at": now}
    # Somebody may have saved another server since it was looked at.
    same = [getattr(MailServer, name) == getattr(server, name) for name in ("id", "host", "port", "security")]
    with database.transaction() as session:
        session.execute(
            update(MailServer).where(*same).values({f"certificate_{name}": value for name, value in values.items()})
        )


def needs_check(server: MailServer, now: datetime) -> bool:
    """Whether nobody has seen the certificate for longer than it takes to be noted by the way."""
    if server.security == "none":
        return False
    last = server.certificate_seen_at or server.updated_at
    return not timedelta() <= now - last < SEEN_INTERVAL + timedelta(hours=1)


def _is_news(server: MailServer, certificate: Certificate, now: datetime) -> bool:
    same = (server.certificate_since, server.certificate_expires_at) == (certificate.since, certificate.expires_at)
    seen_at = server.certificate_seen_at
    return not same or seen_at is None or not timedelta() <= now - seen_at < SEEN_INTERVAL
