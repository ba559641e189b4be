"""The first administrator, through a one-time address that is printed when the server starts."""

import secrets

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp import clock
from webapp.accounts import service
from webapp.accounts.models import SetupKey, User
from webapp.audit import service as audit
from webapp.audit.events import Event
from webapp.config import Config
from webapp.errors import Failure
from webapp.outbox import service as outbox
from webapp.outbox.queue import Queue
from webapp.sealing import fingerprint
from webapp.settings import service as settings
from webapp.texts import lazy_gettext as _


class SetupRefused(Failure):
    """The page does not open; the text says why."""


class SetupKeyUnknown(SetupRefused):
    """The key is wrong or was replaced by a newer one."""

    def __init__(self) -> None:
        super().__init__(
            _("This address does not fit. It works with the key that the server printed when it started last.")
        )


class SetupDone(SetupRefused):
    """There is an administrator already, and every key is worthless."""

    def __init__(self) -> None:
        super().__init__(_("Mailroom is set up already."))


def new_setup_key(session: Session) -> str:
    """A key for `/setup?key=…`; the one before is worthless from now on. Raises SetupDone."""
    if service.has_administrator(session):
        raise SetupDone
    key = secrets.token_urlsafe(32)
    session.execute(delete(SetupKey))
    session.add(SetupKey(key_hash=fingerprint(key), created_at=clock.now()))
    return key


def check(session: Session, key: str) -> None:
    """Whether the key opens the page. Raises SetupKeyUnknown, SetupDone."""
    if service.has_administrator(session):
        raise SetupDone
    if session.scalar(select(SetupKey).where(SetupKey.key_hash == fingerprint(key))) is None:
        raise SetupKeyUnknown


def create_first_administrator(
    session: Session, key: str, email: str, name: str, password_hash: str, language: str = ""
) -> User:
    """Spend the key for the first administrator; of two who try at once one succeeds.

    Raises SetupKeyUnknown, SetupDone, BadAddress, AddressTaken; the caller's
    transaction must then be undone.
    """
    spent = delete(SetupKey).where(SetupKey.key_hash == fingerprint(key)).returning(SetupKey.key_hash)
    won = session.scalar(spent) is not None
    if service.has_administrator(session):
        raise SetupDone
    if not won:
        raise SetupKeyUnknown
    created = service.create_administrator(session, email, name, password_hash)
    created.language = language or None
    audit.record(session, Event.FIRST_ADMINISTRATOR, created)
    return created


def save_public_url(session: Session, queue: Queue, config: Config, public_url: str) -> None:
    """Save the public address and nothing else; mail may have been waiting for it."""
    present = settings.general(session, config)
    settings.save(session, public_url, present.product_name, present.support_address)
    outbox.retry_all(session, queue)
