"""Signing in and out: from an email address and a password to a session.

Rows are locked in the order given in `accounts.users`, so that no two transactions wait for each other.
"""

from sqlalchemy.orm import Session

from webapp.accounts import audit_events, notifications, throttles
from webapp.accounts import service as accounts
from webapp.accounts.models import User, UserState
from webapp.accounts.passwords import hashing
from webapp.accounts.sessions import known_devices, lockout, service
from webapp.accounts.sessions.service import SessionCookies
from webapp.audit import service as audit
from webapp.core import rate_limits
from webapp.core.database import Database
from webapp.core.errors import MailroomError, TooManyRequests
from webapp.web.client import Client


class LoginRefused(MailroomError):
    """The address is unknown, the password wrong, or the account pending or disabled: nobody learns which."""


def sign_in(database: Database, email: str, password: str, client: Client, remembered: bool = False) -> SessionCookies:
    """Sign in with a password; an unknown browser is announced by email.

    Raises LoginRefused and TooManyRequests, or LockedOut after too many wrong passwords. Refusals take the same time
    whatever their reason. There are several transactions, because attempts count even when they fail, and none stays
    open while the password is hashed.
    """
    attempt = lockout.begin(database, email, client)
    with database.read() as session:
        user = accounts.find_by_email(session, email)
    stored_hash = user.password_hash if user else None
    matches = hashing.verify(password, stored_hash)
    if not matches or user is None or stored_hash is None or user.state != UserState.ACTIVE:
        with database.transaction() as session:
            audit.record(session, audit_events.LOGIN_FAILED, email=email)
            lockout.record_failure(session, attempt)
        raise LoginRefused
    password_hash = hashing.hash_password(password) if hashing.needs_rehash(stored_hash) else stored_hash
    with database.transaction() as session:
        current = _lock_unchanged(session, user)
        current.password_hash = password_hash
        lockout.record_success(session, attempt)
        if rate_limits.try_consume(session, throttles.SIGN_INS_BY_USER, str(user.id)):
            return _begin_announced(session, current, client, remembered)
        seconds = rate_limits.seconds_to_wait(session, throttles.SIGN_INS_BY_USER, str(user.id))
    # Not before the success is committed.
    raise TooManyRequests(seconds)


def _begin_announced(session: Session, user: User, client: Client, remembered: bool) -> SessionCookies:
    """Sign the user in, and tell them by email if this browser is unknown."""
    is_known = known_devices.is_known(session, user.id, client.device_cookie)
    result = begin(session, user, client, remembered)
    if not is_known:
        notifications.notify_new_session(session, user)
        audit.record(session, audit_events.NEW_DEVICE_SEEN, user)
    return result


def begin(session: Session, user: User, client: Client, remembered: bool = False) -> SessionCookies:
    """Sign the user in with this browser, which becomes a known one; end the session that it had, if any.

    The user must be locked, or new.
    """
    device_cookie = remember_browser(session, user, client)
    user_session, token = service.start(session, user, client, remembered)
    return SessionCookies(user_session, token, device_cookie)


def remember_browser(session: Session, user: User, client: Client) -> str:
    """Make this browser a known one of the user's, and end its session; return the new device cookie."""
    service.end(session, client.session_token)
    return known_devices.remember(session, user.id, client.device_cookie)


def sign_out(session: Session, user: User, session_id: int) -> None:
    """End this session of the user's."""
    service.end_one(session, user.id, session_id)
    audit.record(session, audit_events.SESSION_ENDED, user)


def _lock_unchanged(session: Session, user: User) -> User:
    """Lock the user. Raises LoginRefused if the account was changed while the password was verified."""
    current = session.get(User, user.id, with_for_update=True)
    if current is None or current.state != UserState.ACTIVE or current.password_changed_at != user.password_changed_at:
        raise LoginRefused
    return current
