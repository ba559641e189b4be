"""Asking for the password again, where something is changed and it was typed a while ago.

A form that is sent too late is not lost: what it holds travels sealed through the page that asks,
for the same sign-in and the same address.
"""

import json
from datetime import timedelta

from sqlalchemy.orm import Session as DatabaseSession

from webapp.accounts import events, service
from webapp.accounts.models import Session, User, UserState
from webapp.accounts.passwords import hashing
from webapp.accounts.sessions import service as sign_ins
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.config import MAX_REQUEST_SIZE
from webapp.core.database import Database
from webapp.core.errors import MailroomError
from webapp.core.sealing import CannotUnseal, Sealer
from webapp.core.texts import lazy_gettext as _

CONFIRMED_FOR = timedelta(minutes=15)
HELD_FOR = timedelta(hours=1)
PURPOSE = "held form"
# In characters, sealed; it has to fit into a request together with the password.
MOST_HELD = MAX_REQUEST_SIZE * 3 // 4

Fields = list[tuple[str, str]]


class WrongPassword(MailroomError):
    """It is not this person's password."""

    def __init__(self) -> None:
        super().__init__(_("Wrong password."))


class SessionEnded(MailroomError):
    """The sign-in with which this request came is over, or goes on under another token."""


class TooManyWrongPasswords(SessionEnded):
    """Too many passwords were wrong in this sign-in, so it was ended."""

    def __init__(self) -> None:
        super().__init__(_("Too many wrong passwords, so this browser has been signed out. Sign in again."))


class TooMuchToHold(MailroomError):
    """What was sent is too long to travel through another page."""


def is_due(sign_in: Session) -> bool:
    """Whether the password has to be typed again. A clock that was set back does not put it off."""
    return abs(clock.now() - sign_in.confirmed_at) >= CONFIRMED_FOR


def check(database: Database, person: User, sign_in: Session, password: str) -> None:
    """Whether this is the person's password. Raises WrongPassword, SignInEnded.

    Wrong ones count for the sign-in that they are typed in, and in the end end it: who found a browser
    open guesses no further, and locks the person out of nothing else. As for signing in, a try counts
    although it fails, and no transaction is open while it is hashed.
    """
    left = _counted(database, sign_in)
    if left is None or not hashing.verify(password, person.password_hash):
        raise _refused(database, person, sign_in, left)
    with database.transaction() as session:
        if not sign_ins.reset_password_checks(session, sign_in):
            raise SessionEnded


def confirm(database: Database, person: User, sign_in: Session, password: str) -> str:
    """The password was typed again: the sign-in's new token. Raises WrongPassword, SignInEnded."""
    check(database, person, sign_in, password)
    with database.transaction() as session:
        token = sign_ins.confirmed(session, sign_in)
    if token is None:
        raise SessionEnded
    return token


def save_form(sealer: Sealer, sign_in: Session, path: str, fields: Fields) -> str:
    """The fields of a form that was sent to `path`, sealed. Raises TooMuchToHold."""
    held_at = clock.now().timestamp()
    sealed = sealer.seal(json.dumps([held_at, sign_in.id, path, fields], ensure_ascii=False), PURPOSE)
    if len(sealed) > MOST_HELD:
        raise TooMuchToHold
    return sealed


def saved_form(sealer: Sealer, sign_in: Session, path: str, sealed: str) -> Fields:
    """The fields again. Raises SealBroken, also when they were held for another sign-in or path, or too long ago."""
    held_at, sign_in_id, held_path, fields = json.loads(sealer.open(sealed, PURPOSE))
    if (sign_in_id, held_path) != (sign_in.id, path):
        raise CannotUnseal("The form was held for another sign-in or page.")
    if abs(clock.now().timestamp() - held_at) >= HELD_FOR.total_seconds():
        raise CannotUnseal("The form was held for too long.")
    return [(name, value) for name, value in fields]


def _counted(database: Database, sign_in: Session) -> int | None:
    """How many guesses are left after this one; None if it was one too many."""
    with database.transaction() as session:
        return sign_ins.count_password_check(session, sign_in)


def _refused(database: Database, person: User, sign_in: Session, left: int | None) -> MailroomError:
    """Note a wrong password, if it was looked at, and end the sign-in if no guess is left: what the person is told."""
    with database.transaction() as session:
        if left is not None:
            audit.record(session, events.REAUTHENTICATION_FAILED, person)
        if left:
            return WrongPassword()
        if not sign_ins.end_one(session, person.id, sign_in.id):
            return SessionEnded()
        audit.record(session, events.SESSION_ENDED_AFTER_WRONG_PASSWORDS, person)
        return TooManyWrongPasswords()


def lock_unchanged(session: DatabaseSession, user: User) -> User:
    """Lock the user whose password was just checked. Raises WrongPassword if it was changed meanwhile, NotFound."""
    locked = service.get_user(session, user.id, lock=True)
    if locked.password_changed_at != user.password_changed_at or locked.state != UserState.ACTIVE:
        raise WrongPassword
    return locked
