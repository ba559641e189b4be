"""The first administrator, through a one-time address that is printed when the server starts."""

import hashlib
import secrets

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp import clock
from webapp.accounts import service
from webapp.accounts.models import SetupKey, User
from webapp.errors import Failure


class SetupRefused(Failure):
    """The key is unknown or was replaced by a newer one."""


class SetupDone(Failure):
    """There is an administrator already, and the key is worthless."""


def new_setup_key(session: Session) -> str:
    """A key for `/setup?key=…`; the one before is worthless from now on. Raises SetupDone."""
    if service.has_administrator(session):
        raise SetupDone
    key = secrets.token_urlsafe(32)
    session.execute(delete(SetupKey))
    session.add(SetupKey(key_hash=_hash(key), created_at=clock.now()))
    return key


def check(session: Session, key: str) -> None:
    """Whether the key opens the page. Raises SetupRefused, SetupDone."""
    if service.has_administrator(session):
        raise SetupDone
    if session.scalar(select(SetupKey).where(SetupKey.key_hash == _hash(key))) is None:
        raise SetupRefused


def create_first_administrator(session: Session, key: str, email: str, name: str, password: str) -> User:
    """Spend the key for the first administrator; of two who try at once one succeeds.

    Raises SetupRefused, SetupDone, BadAddress, BadPassword, AddressTaken; the caller's
    transaction must then be undone.
    """
    spent = delete(SetupKey).where(SetupKey.key_hash == _hash(key)).returning(SetupKey.key_hash)
    won = session.scalar(spent) is not None
    if service.has_administrator(session):
        raise SetupDone
    if not won:
        raise SetupRefused
    return service.create_administrator(session, email, name, password)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
