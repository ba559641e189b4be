"""What the failure of a message means."""

from sqlalchemy.orm import Session

from webapp.mail import servers
from webapp.mail.diagnosis.service import diagnose
from webapp.outbox.models import Message
from webapp.providers import Diagnosis


def diagnosis(session: Session, message: Message) -> Diagnosis | None:
    """Return the diagnosis according to the current settings; None if no server was asked."""
    server = servers.primary(session)
    if server is None or message.failure is None:
        return None
    return diagnose(server.provider, server.public_values, message.failure)
