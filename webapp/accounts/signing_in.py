"""Signing in and out: the way from an address and a password to a sign-in's token."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from webapp.accounts import known_devices, locks, notices, passwords, service, sign_ins
from webapp.accounts.models import Status, User
from webapp.accounts.sign_ins import Client
from webapp.audit import service as audit
from webapp.audit.events import Event
from webapp.database import Database
from webapp.errors import Failure
from webapp.outbox.queue import Queue


class SignInRefused(Failure):
    """Unknown, wrong, pending or disabled: nobody is told which."""


def sign_in(
    database: Database,
    queue: Queue,
    email: str,
    password: str,
    client: Client,
    limited: bool = True,
    remembered: bool = False,
) -> str:
    """A new sign-in's token; the person is told by mail if the browser is not known.

    Raises SignInRefused, TooManyRequests; Locked if it is for wrong passwords.

    Takes the same time for whatever reason it refuses. The transactions are several, because
    tries count even when they fail, and none stays open while the password is hashed.
    """
    tried = _begun(database, queue, email, client) if limited else None
    with database.reading() as session:
        person = service.by_email(session, email)
    kept = person.password_hash if person else None
    if not passwords.fits(password, kept) or person is None or kept is None or person.status != Status.ACTIVE:
        with database.writing() as session:
            audit.record(session, Event.SIGN_IN_FAILED, address=email)
            if tried:
                locks.failed(session, queue, tried)
        raise SignInRefused
    renewed = passwords.hashed(password) if passwords.outdated(kept) else kept
    with database.writing() as session:
        _still_valid(session, person, renewed)
        if tried:
            locks.passed(session, tried)
        token = sign_ins.start(session, person, client, remembered)
        if not known_devices.is_known(session, person.id, client.known_as):
            notices.new_sign_in(session, queue, person)
            audit.record(session, Event.NEW_DEVICE, person)
        return token


def sign_out(session: Session, person: User, token: str) -> None:
    """The person is done with this browser."""
    sign_ins.end(session, token)
    audit.record(session, Event.SIGNED_OUT, person)


def _begun(database: Database, queue: Queue, email: str, client: Client) -> locks.Attempt:
    """A try that is counted. Raises TooManyRequests, Locked."""
    with database.writing() as session:
        tried = locks.attempt(session, email, client)
        seconds = locks.begin(session, queue, tried)
    # Not before the commit: the lock may have begun with this try.
    if seconds:
        raise locks.Locked(seconds)
    return tried


def _still_valid(session: Session, person: User, password_hash: str) -> None:
    """Save the renewed hash, unless the account was changed while the password was checked."""
    unchanged = User.password_changed_at.is_not_distinct_from(person.password_changed_at)
    statement = update(User).where(User.id == person.id, User.status == Status.ACTIVE, unchanged)
    if session.execute(statement.values(password_hash=password_hash).returning(User.id)).first() is None:
        raise SignInRefused
