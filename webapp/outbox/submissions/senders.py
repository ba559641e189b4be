"""Which senders an application may use."""

from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from webapp.applications.models import Application
from webapp.core.email_addresses import comparison_key
from webapp.core.errors import MailroomError
from webapp.mail import servers
from webapp.mail.mime import split_sender


class SenderNotAllowed(MailroomError):
    """The application may not send from this address. `allowed` names the addresses and domains that it may use.

    It is empty if no mail server is set up.
    """

    def __init__(self, sender: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{sender} is not allowed")
        self.sender, self.allowed = sender, allowed


def allowed_senders(session: Session, application: Application) -> list[str]:
    """Return the addresses and domains that an application may send from."""
    if application.allowed_senders:
        return application.allowed_senders
    server = servers.primary(session)
    return [split_sender(server.mail_from)[1]] if server else []


def require_allowed(senders: Iterable[str], allowed: Sequence[str]) -> None:
    """Raise SenderNotAllowed for the first address that is neither allowed itself nor in an allowed domain."""
    keys = {comparison_key(one if "@" in one else f"@{one}") for one in allowed}
    for sender in senders:
        key = comparison_key(sender)
        if key not in keys and f"@{key.rpartition('@')[2]}" not in keys:
            raise SenderNotAllowed(sender, allowed)
