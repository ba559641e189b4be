"""The calendar on the mail server page: what ends when."""

from sqlalchemy.orm import Session

from webapp.core import clock
from webapp.mail.expiry.service import Expiry, ExpiryState, ExpirySubject, of_the_mail_server
from webapp.mail.models import MailServer


def dates(session: Session, saved: MailServer | None) -> list[Expiry]:
    """The rows; a secret that this server does not have is left out."""
    if saved is None:
        return []
    return [one for one in of_the_mail_server(session, clock.now()) if _is_there(one, saved)]


def _is_there(expiry: Expiry, saved: MailServer) -> bool:
    secret = expiry.what in (ExpirySubject.CLIENT_SECRET, ExpirySubject.SERVICE_ACCOUNT_KEY)
    return not secret or expiry.state is not ExpiryState.UNKNOWN or expiry.what in saved.sealed_secrets
