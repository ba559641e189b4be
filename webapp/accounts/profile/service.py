"""A person's own name, password and sign-ins."""

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from webapp.accounts import events, notifications
from webapp.accounts import service as accounts
from webapp.accounts.address_changes import pending
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, User, UserState
from webapp.accounts.models import Session as SignIn
from webapp.accounts.passwords import hashing
from webapp.accounts.passwords import history as former_passwords
from webapp.accounts.sessions import known_devices, reauthentication
from webapp.accounts.sessions import service as sign_ins
from webapp.accounts.sessions.reauthentication import SessionEnded, WrongPassword
from webapp.accounts.sessions.service import Client
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.database import MAX_ID, Database
from webapp.core.errors import NotFound

# A person with more browsers than these signs out all others.
MAX_LISTED_SESSIONS = 50


@dataclass(frozen=True)
class SignedOut:
    """What the browser that is left holds from now on: the token of its sign-in, and what its device cookie holds.

    Copies of what it held before are worth nothing.
    """

    token: str = field(repr=False)
    known_as: str = field(repr=False)


def rename(session: Session, user_id: int, name: str) -> None:
    """Give the person this name. Raises NotFound."""
    accounts.rename(session, accounts.get_user(session, user_id, lock=True), name)


def choose_language(session: Session, user_id: int, language: str) -> None:
    """Write pages and mails to the person in this language; empty: pages as the browser says. Raises NotFound."""
    person = accounts.get_user(session, user_id, lock=True)
    person.language = language or None
    audit.record(session, events.LANGUAGE_CHANGED, person, language=language)


def change_password(
    database: Database,
    person: User,
    current: str,
    new: str,
    sign_in: SignIn,
    client: Client,
) -> SignedOut:
    """Change the password; this sign-in is the only one left.

    Raises WrongPassword, BadPassword, SignInEnded, TooManyRequests.

    Of the known devices only this browser stays known.
    Links that restore an address live on: whoever stole an account could change the password first.
    """
    reauthentication.check(database, person, sign_in, current)
    former_passwords.require_not_reused(database, person, new)
    password_hash = hashing.hash_password(new)
    with database.transaction() as session:
        present = unchanged(session, person)
        former_passwords.add_to_history(session, present.id)
        present.password_hash, present.password_changed_at = password_hash, clock.now()
        links.revoke(session, present.id, LinkPurpose.RESET)
        pending.discard(session, present.id)
        left = _alone(session, present, sign_in.id, client.known_as)
        notifications.notify_password_changed(session, present, by_link=False)
        audit.record(session, events.PASSWORD_CHANGED, present)
        return left


def unchanged(session: Session, person: User) -> User:
    """The person, locked, if the password that was checked is still theirs. Raises WrongPassword, NotFound."""
    present = accounts.get_user(session, person.id, lock=True)
    if present.password_changed_at != person.password_changed_at or present.state != UserState.ACTIVE:
        raise WrongPassword
    return present


def list_sessions(session: Session, user_id: int) -> list[SignIn]:
    """The browsers that the person is signed in with, those used last first."""
    return sign_ins.list_for_user(session, user_id, MAX_LISTED_SESSIONS)


def sign_out(session: Session, user_id: int, sign_in_id: int) -> None:
    """End one of the person's sign-ins. Raises NotFound."""
    if sign_in_id > MAX_ID or not sign_ins.end_one(session, user_id, sign_in_id):
        raise NotFound
    audit.record(session, events.SESSION_REVOKED, session.get(User, user_id))


def sign_out_others(session: Session, person: User, sign_in_id: int, known_as: str = "") -> SignedOut:
    """End all of the person's sign-ins but this one, and know no other browser. Raises NotFound, SignInEnded."""
    present = accounts.get_user(session, person.id, lock=True)
    audit.record(session, events.OTHER_SESSIONS_REVOKED, present)
    return _alone(session, present, sign_in_id, known_as)


def _alone(session: Session, person: User, sign_in_id: int, known_as: str) -> SignedOut:
    """Leave the person, who is locked, this browser alone. Raises SignInEnded: then nothing may be committed."""
    new = sign_ins.rotate_token(session, sign_in_id)
    if new is None:
        raise SessionEnded
    sign_ins.end_others(session, person.id, sign_in_id)
    return SignedOut(new, known_devices.forget_others(session, person.id, known_as))
