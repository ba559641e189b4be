"""Asking for the password again before something is changed, if it was last entered a while ago.

A form that is posted too late is not lost: its fields travel sealed through the page that asks, and can be used only
in the same session and at the same path.
"""

import json
from datetime import timedelta

from sqlalchemy.orm import Session

from webapp.accounts import audit_events
from webapp.accounts import service as accounts
from webapp.accounts.models import Session as UserSession
from webapp.accounts.models import User, UserState
from webapp.accounts.passwords import hashing
from webapp.accounts.sessions import service
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.database import Database
from webapp.core.errors import MailroomError
from webapp.core.i18n import lazy_gettext as _
from webapp.core.sealing import CannotUnseal, Sealer

VALID_FOR = timedelta(minutes=15)
FORM_KEPT_FOR = timedelta(hours=1)
SAVED_FORM_PURPOSE = "saved form"

Fields = list[tuple[str, str]]


class WrongPassword(MailroomError):
    """It is not this user's password."""

    def __init__(self) -> None:
        super().__init__(_("Wrong password."))


class SessionEnded(MailroomError):
    """The session of this request has ended meanwhile."""


class TooManyWrongPasswords(SessionEnded):
    """The session was ended after too many wrong passwords."""

    def __init__(self) -> None:
        super().__init__(_("Too many wrong passwords, so this browser has been signed out. Sign in again."))


def is_due(user_session: UserSession) -> bool:
    """Return whether the password has to be entered again. A clock that was set back does not postpone it."""
    return abs(clock.now() - user_session.authenticated_at) >= VALID_FOR


def check(database: Database, user: User, user_session: UserSession, password: str) -> None:
    """Verify the user's password. Raises WrongPassword, SessionEnded.

    Wrong passwords count for the session they are entered in, and finally end it: someone who finds an unattended
    browser cannot go on guessing, and locks the user out of nothing else. As at login, an attempt counts before it is
    verified, and no transaction is open while the password is hashed.
    """
    with database.transaction() as session:
        left = service.count_password_check(session, user_session)
    if left is None or not hashing.verify(password, user.password_hash):
        raise _refusal(database, user, user_session, left)
    with database.transaction() as session:
        if not service.reset_password_checks(session, user_session):
            raise SessionEnded


def lock_unchanged(session: Session, user: User) -> User:
    """Lock the user whose password was verified. Raises WrongPassword if the account was changed since, NotFound."""
    current = accounts.get_user(session, user.id, lock=True)
    if current.password_changed_at != user.password_changed_at or current.state != UserState.ACTIVE:
        raise WrongPassword
    return current


def save_form(sealer: Sealer, user_session: UserSession, path: str, fields: Fields) -> str:
    """Seal the fields of a form that was posted to `path`."""
    saved = [clock.now().timestamp(), user_session.identity, path, fields]
    return sealer.seal(json.dumps(saved, ensure_ascii=False), SAVED_FORM_PURPOSE)


def saved_form(sealer: Sealer, user_session: UserSession, path: str, sealed: str) -> Fields:
    """Return the fields of a saved form. Raises CannotUnseal, also for another session or path, or after an hour."""
    saved_at, identity, saved_path, fields = json.loads(sealer.open(sealed, SAVED_FORM_PURPOSE))
    if (identity, saved_path) != (user_session.identity, path):
        raise CannotUnseal("The form was saved for another session or page.")
    if abs(clock.now().timestamp() - saved_at) >= FORM_KEPT_FOR.total_seconds():
        raise CannotUnseal("The form was saved too long ago.")
    return [(name, value) for name, value in fields]


def _refusal(database: Database, user: User, user_session: UserSession, left: int | None) -> MailroomError:
    """Record a wrong password, if it was verified at all, and end the session if no attempt is left."""
    with database.transaction() as session:
        if left is not None:
            audit.record(session, audit_events.REAUTHENTICATION_FAILED, user)
        if left:
            return WrongPassword()
        if not service.end_one(session, user.id, user_session.id):
            return SessionEnded()
        audit.record(session, audit_events.SESSION_ENDED_AFTER_WRONG_PASSWORDS, user)
        return TooManyWrongPasswords()
