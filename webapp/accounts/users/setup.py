"""The first administrator, through a one-time address that is printed when the server starts."""

import secrets

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.accounts import events, service
from webapp.accounts.models import SetupToken, User
from webapp.accounts.users import administration
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.config import Config
from webapp.core.errors import MailroomError
from webapp.core.sealing import sha256_hex
from webapp.core.texts import lazy_gettext as _
from webapp.settings import service as settings


class SetupRefused(MailroomError):
    """The page does not open; the text says why."""


class InvalidSetupToken(SetupRefused):
    """The key is wrong or was replaced by a newer one."""

    def __init__(self) -> None:
        super().__init__(_("This set-up link is out of date. Use the one printed when the server last started."))


class AlreadySetUp(SetupRefused):
    """There is an administrator already, and every key is worthless."""

    def __init__(self) -> None:
        super().__init__(_("Mailroom is already set up."))


def new_setup_token(session: Session) -> str:
    """A key for `/setup?key=…`; the one before is worthless from now on. Raises SetupDone."""
    if service.has_administrator(session):
        raise AlreadySetUp
    key = secrets.token_urlsafe(32)
    session.execute(delete(SetupToken))
    session.add(SetupToken(token_hash=sha256_hex(key), created_at=clock.now()))
    return key


def check(session: Session, key: str) -> None:
    """Whether the key opens the page. Raises SetupKeyUnknown, SetupDone."""
    if service.has_administrator(session):
        raise AlreadySetUp
    if session.scalar(select(SetupToken).where(SetupToken.token_hash == sha256_hex(key))) is None:
        raise InvalidSetupToken


def create_first_administrator(
    session: Session, key: str, email: str, name: str, password_hash: str, language: str = ""
) -> User:
    """Spend the key for the first administrator; of two who try at once one succeeds.

    Raises SetupKeyUnknown, SetupDone, BadAddress, AddressTaken; the caller's
    transaction must then be undone.
    """
    spent = delete(SetupToken).where(SetupToken.token_hash == sha256_hex(key)).returning(SetupToken.token_hash)
    won = session.scalar(spent) is not None
    if service.has_administrator(session):
        raise AlreadySetUp
    if not won:
        raise InvalidSetupToken
    created = administration.create_administrator(session, email, name, password_hash)
    created.language = language or None
    audit.record(session, events.SETUP_COMPLETED, created)
    return created


def save_public_url(session: Session, config: Config, public_url: str) -> None:
    """Save the public URL and nothing else."""
    present = settings.general(session, config)
    settings.save_general(session, public_url, present.product_name, present.support_address)
