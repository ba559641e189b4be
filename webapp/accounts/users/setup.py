"""The first administrator, created through a one-time URL that is printed when the server starts."""

import secrets

from flask_babel import lazy_gettext as _
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.accounts import audit_events, service
from webapp.accounts.models import SetupToken, User
from webapp.accounts.users import administration
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.config import Config
from webapp.core.errors import MailroomError
from webapp.core.sealing import sha256_hex
from webapp.settings import service as settings


class SetupRefused(MailroomError):
    """The setup page is not available."""


class InvalidSetupToken(SetupRefused):
    """The token is wrong, or was replaced by a newer one."""

    def __init__(self) -> None:
        super().__init__(_("This setup link is out of date. Use the one printed when the server last started."))


class NoSetupToken(SetupRefused):
    """No setup link was opened in this browser."""

    def __init__(self) -> None:
        super().__init__(_("To create the first administrator, open the setup link that the server printed."))


class AlreadySetUp(SetupRefused):
    """There is an administrator already."""

    def __init__(self) -> None:
        super().__init__(_("Mailroom is already set up."))


def new_setup_token(session: Session) -> str:
    """Create the token for `/setup?key=…`; previous ones become invalid. Raises AlreadySetUp."""
    if service.has_administrator(session):
        raise AlreadySetUp
    token = secrets.token_urlsafe(32)
    session.execute(delete(SetupToken))
    session.add(SetupToken(token_hash=sha256_hex(token), created_at=clock.now()))
    return token


def check(session: Session, token: str) -> None:
    """Require a valid token. Raises NoSetupToken, InvalidSetupToken, AlreadySetUp."""
    if service.has_administrator(session):
        raise AlreadySetUp
    if not token:
        raise NoSetupToken
    if session.scalar(select(SetupToken).where(SetupToken.token_hash == sha256_hex(token))) is None:
        raise InvalidSetupToken


def create_first_administrator(
    session: Session, token: str, email: str, name: str, password_hash: str, language: str = ""
) -> User:
    """Use the token to create the first administrator; of two simultaneous attempts one succeeds.

    Raises InvalidSetupToken, AlreadySetUp, InvalidEmailAddress, AddressTaken; the caller's transaction must then be
    rolled back.
    """
    used = delete(SetupToken).where(SetupToken.token_hash == sha256_hex(token)).returning(SetupToken.token_hash)
    is_valid = session.scalar(used) is not None
    if service.has_administrator(session):
        raise AlreadySetUp
    if not is_valid:
        raise InvalidSetupToken
    user = administration.create_administrator(session, email, name, password_hash)
    user.language = language or None
    audit.record(session, audit_events.SETUP_COMPLETED, user)
    return user


def save_public_url(session: Session, config: Config, public_url: str) -> None:
    """Save the public URL and nothing else."""
    current = settings.general(session, config)
    settings.save_general(session, public_url, current.product_name, current.support_address)
