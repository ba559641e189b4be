"""What the server's words about a message mean."""

from sqlalchemy.orm import Session

from webapp.core.app_state import AppState
from webapp.core.sealing import CannotUnseal
from webapp.mail import servers, transport_settings
from webapp.mail.diagnosis.service import diagnose
from webapp.mail.transcript import Stage
from webapp.mail.transport.errors import DeliveryError
from webapp.outbox.models import Message
from webapp.providers import Diagnosis
from webapp.providers.registry import UnknownProvider, get_providers
from webapp.settings.service import general


def diagnosis(session: Session, parts: AppState, message: Message) -> Diagnosis | None:
    """The diagnosis, as far as the present settings can tell; None where no server was asked."""
    server = servers.primary(session)
    if server is None or message.last_stage not in list(Stage):
        return None
    try:
        opened = transport_settings.load(server, parts, general(session, parts.config))
    except (UnknownProvider, CannotUnseal):
        return None
    stage, words = Stage(message.last_stage), message.last_error
    # A mail server's answer begins with its code (RFC 5321, 4.2), a provider's refusal of a token with a small
    # letter (RFC 6749, 5.2); all else is the system's text, or ours.
    said = words[:1].islower() if stage is Stage.TOKEN else words[:3].isdigit()
    error = DeliveryError(stage, reply=words) if said else DeliveryError(stage, error=words)
    return diagnose(get_providers(), opened, error)
