"""A person's own name, password and sign-ins."""

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from webapp import clock
from webapp.accounts import address_changes, notices
from webapp.accounts import service as accounts
from webapp.accounts.links import service as links
from webapp.accounts.models import Purpose, SignIn, Status, User
from webapp.accounts.passwords import former as former_passwords
from webapp.accounts.passwords import hashing
from webapp.accounts.sign_ins import confirming, known_devices
from webapp.accounts.sign_ins import service as sign_ins
from webapp.accounts.sign_ins.confirming import SignInEnded, WrongPassword
from webapp.accounts.sign_ins.service import Client
from webapp.audit import service as audit
from webapp.audit.events import Event
from webapp.database import LARGEST_ID, Database
from webapp.errors import NotFound
from webapp.outbox.queue import Queue

# A person with more browsers than these signs out all others.
MOST_SIGN_INS = 50


@dataclass(frozen=True)
class Left:
    """What the browser that is left holds from now on: the token of its sign-in, and what its device cookie holds.

    Copies of what it held before are worth nothing.
    """

    token: str = field(repr=False)
    known_as: str = field(repr=False)


def rename(session: Session, user_id: int, name: str) -> None:
    """Give the person this name. Raises NotFound."""
    accounts.rename(session, accounts.user(session, user_id, lock=True), name)


def choose_language(session: Session, user_id: int, language: str) -> None:
    """Write pages and mails to the person in this language; empty: pages as the browser says. Raises NotFound."""
    person = accounts.user(session, user_id, lock=True)
    person.language = language or None
    audit.record(session, Event.LANGUAGE_CHANGED, person, language=language)


def change_password(
    database: Database,
    queue: Queue,
    person: User,
    current: str,
    new: str,
    sign_in: SignIn,
    client: Client,
    limited: bool = True,
) -> Left:
    """Change the password; this sign-in is the only one left.

    Raises WrongPassword, BadPassword, SignInEnded, TooManyRequests.

    Of the known devices only this browser stays known.
    Links that restore an address live on: whoever stole an account could change the password first.
    """
    confirming.check(database, person, sign_in, current, limited)
    former_passwords.check(database, person, new, limited)
    password_hash = hashing.hashed(new)
    with database.writing() as session:
        present = unchanged(session, person)
        former_passwords.keep(session, present.id)
        present.password_hash, present.password_changed_at = password_hash, clock.now()
        links.revoke(session, present.id, Purpose.RESET)
        address_changes.forget(session, present.id)
        left = _alone(session, present, sign_in.id, client.known_as)
        notices.password_changed(session, queue, present, by_link=False)
        audit.record(session, Event.PASSWORD_CHANGED, present)
        return left


def unchanged(session: Session, person: User) -> User:
    """The person, locked, if the password that was checked is still theirs. Raises WrongPassword, NotFound."""
    present = accounts.user(session, person.id, lock=True)
    if present.password_changed_at != person.password_changed_at or present.status != Status.ACTIVE:
        raise WrongPassword
    return present


def own_sign_ins(session: Session, user_id: int) -> list[SignIn]:
    """The browsers that the person is signed in with, those used last first."""
    return sign_ins.of(session, user_id, MOST_SIGN_INS)


def sign_out(session: Session, user_id: int, sign_in_id: int) -> None:
    """End one of the person's sign-ins. Raises NotFound."""
    if sign_in_id > LARGEST_ID or not sign_ins.end_one(session, user_id, sign_in_id):
        raise NotFound
    audit.record(session, Event.SIGN_IN_ENDED, session.get(User, user_id))


def sign_out_others(session: Session, person: User, sign_in_id: int, known_as: str = "") -> Left:
    """End all of the person's sign-ins but this one, and know no other browser. Raises NotFound, SignInEnded."""
    present = accounts.user(session, person.id, lock=True)
    audit.record(session, Event.OTHER_SIGN_INS_ENDED, present)
    return _alone(session, present, sign_in_id, known_as)


def _alone(session: Session, person: User, sign_in_id: int, known_as: str) -> Left:
    """Leave the person, who is locked, this browser alone. Raises SignInEnded: then nothing may be committed."""
    new = sign_ins.replace(session, sign_in_id)
    if new is None:
        raise SignInEnded
    sign_ins.end_others(session, person.id, sign_in_id)
    return Left(new, known_devices.forget_others(session, person.id, known_as))
