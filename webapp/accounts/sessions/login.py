"""Signing in and out: the way from an address and a password to a sign-in, and what the browser holds of it.

Locks are taken in the order that `accounts.users` names, so that neither waits for the other.
"""

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from webapp.accounts import events, notifications, service
from webapp.accounts.models import Session as SignIn
from webapp.accounts.models import User, UserState
from webapp.accounts.password_links import service as password_links
from webapp.accounts.passwords import hashing
from webapp.accounts.sessions import known_devices, lockout
from webapp.accounts.sessions import service as sign_ins
from webapp.accounts.sessions.service import Client
from webapp.audit import service as audit
from webapp.core.database import Database
from webapp.core.errors import MailroomError


class LoginRefused(MailroomError):
    """Unknown, wrong, pending or disabled: nobody is told which."""


@dataclass(frozen=True)
class LoginResult:
    """A new sign-in, its token, and what the browser's cookie for known devices is to hold."""

    sign_in: SignIn
    token: str = field(repr=False)
    known_as: str = field(repr=False)


def sign_in(
    database: Database,
    email: str,
    password: str,
    client: Client,
    remembered: bool = False,
) -> LoginResult:
    """A new sign-in; the person is told by mail if the browser is not known.

    Raises SignInRefused, TooManyRequests; Locked if it is for wrong passwords.
    Takes the same time for whatever reason it refuses. The transactions are several, because
    tries count even when they fail, and none stays open while the password is hashed.
    """
    tried = _begun(database, email, client)
    with database.read() as session:
        person = service.find_by_email(session, email)
    kept = person.password_hash if person else None
    if not hashing.verify(password, kept) or person is None or kept is None or person.state != UserState.ACTIVE:
        with database.transaction() as session:
            audit.record(session, events.LOGIN_FAILED, email=email)
            lockout.failed(session, tried)
        raise LoginRefused
    renewed = hashing.hash_password(password) if hashing.needs_rehash(kept) else kept
    with database.transaction() as session:
        present = _unchanged(session, person)
        present.password_hash = renewed
        known = known_devices.is_known(session, present.id, client.known_as)
        begun = begin(session, present, client, remembered)
        if not known:
            notifications.notify_new_session(session, present)
            audit.record(session, events.NEW_DEVICE_SEEN, present)
        lockout.passed(session, tried)
        return begun


def begin(session: Session, person: User, client: Client, remembered: bool = False) -> LoginResult:
    """Sign the person in with this browser, which is known from now on; the sign-in it had, if any, is over.

    The account must be locked, or new.
    """
    sign_ins.end(session, client.token)
    begun, token = sign_ins.start(session, person, client, remembered)
    return LoginResult(begun, token, known_devices.remember(session, person.id, client.known_as))


def reset_password(session: Session, secret: str, password_hash: str, client: Client) -> str:
    """Spend a reset link in this browser, which is known from now on; what its cookie for that is to hold.

    Whoever was signed in there, perhaps somebody else, is signed out.
    Raises LinkRefused, AccountDisabled; the caller's transaction must then be undone.
    """
    person = password_links.complete_reset(session, secret, password_hash)
    sign_ins.end(session, client.token)
    return known_devices.remember(session, person.id, client.known_as)


def sign_out(session: Session, person: User, sign_in_id: int) -> None:
    """The person is done with this browser."""
    # By its number: another window may have renewed the token a moment ago.
    sign_ins.end_one(session, person.id, sign_in_id)
    audit.record(session, events.SESSION_ENDED, person)


def _begun(database: Database, email: str, client: Client) -> lockout.Attempt:
    """A try that is counted. Raises TooManyRequests, Locked."""
    with database.transaction() as session:
        tried = lockout.attempt(session, email, client)
        seconds = lockout.begin(session, tried)
    # Not before the commit: the lock may have begun with this try.
    if seconds:
        raise lockout.LockedOut(seconds)
    return tried


def _unchanged(session: Session, person: User) -> User:
    """The person, locked, unless the account was changed while the password was checked. Raises SignInRefused."""
    present = session.get(User, person.id, with_for_update=True)
    if (
        present is None
        or present.state != UserState.ACTIVE
        or present.password_changed_at != person.password_changed_at
    ):
        raise LoginRefused
    return present
