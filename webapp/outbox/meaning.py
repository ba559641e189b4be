"""What the server's words about a message mean."""

from sqlalchemy.orm import Session

from webapp.context import Parts
from webapp.mail import service as mail
from webapp.mail.conversation import Stage
from webapp.mail.diagnosis import diagnose
from webapp.mail.failures import DeliveryError
from webapp.outbox.models import Message
from webapp.providers import Diagnosis
from webapp.registry import UnknownProvider
from webapp.sealing import SealBroken
from webapp.settings.service import general


def meaning(session: Session, parts: Parts, message: Message) -> Diagnosis | None:
    """The diagnosis, as far as the present settings can tell; None where no server was asked."""
    server = mail.primary(session)
    if server is None or message.last_stage not in list(Stage):
        return None
    try:
        opened = mail.opened(server, parts, general(session, parts.config))
    except (UnknownProvider, SealBroken):
        return None
    words = message.last_error
    # A server's answer begins with its code (RFC 5321, 4.2); all else is the system's text.
    reply, error = (words, "") if words[:3].isdigit() else ("", words)
    return diagnose(parts.providers, opened, DeliveryError(Stage(message.last_stage), reply=reply, error=error))
