"""What users do to their own account: name, language, password, sessions."""

from sqlalchemy.orm import Session

from webapp.accounts import audit_events, notifications, throttles
from webapp.accounts import service as accounts
from webapp.accounts.address_changes import service as address_changes
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, User
from webapp.accounts.models import Session as UserSession
from webapp.accounts.passwords import hashing, policy
from webapp.accounts.sessions import known_devices, reauthentication
from webapp.accounts.sessions import service as sessions
from webapp.accounts.sessions.reauthentication import SessionEnded
from webapp.accounts.sessions.service import SessionCookies
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.database import MAX_ID, Database
from webapp.core.errors import NotFound
from webapp.web.client import Client


def rename(session: Session, user_id: int, name: str) -> None:
    """Change the user's name. Raises NotFound, TooManyRequests."""
    user = accounts.get_user(session, user_id, lock=True)
    throttles.count_change(session, user)
    accounts.rename(session, user, name)


def choose_language(session: Session, user_id: int, language: str) -> None:
    """Set the language of pages and emails; empty means the browser's. Raises NotFound, TooManyRequests."""
    user = accounts.get_user(session, user_id, lock=True)
    throttles.count_change(session, user)
    accounts.change_language(session, user, language)


def change_password(
    database: Database, user: User, current: str, new: str, user_session: UserSession, client: Client
) -> SessionCookies:
    """Change the password, end all other sessions, and forget all other devices.

    Links that restore an address stay valid: a thief could change the password first.
    Raises WrongPassword, PasswordRejected, SessionEnded, TooManyRequests.
    """
    reauthentication.check(database, user, user_session, current)
    policy.require_not_reused(database, user, new)
    password_hash = hashing.hash_password(new)
    with database.transaction() as session:
        user = reauthentication.lock_unchanged(session, user)
        throttles.count_change(session, user)
        policy.add_to_history(session, user.id)
        user.password_hash, user.password_changed_at = password_hash, clock.now()
        links.revoke(session, user.id, LinkPurpose.RESET)
        address_changes.discard(session, user.id)
        cookies, _ended = _end_others(session, user, user_session, client.device_cookie)
        notifications.notify_password_changed(session, user, by_link=False)
        audit.record(session, audit_events.PASSWORD_CHANGED, user)
        return cookies


def sign_out(session: Session, user_id: int, session_id: int) -> None:
    """End one of the user's sessions. Raises NotFound."""
    if session_id > MAX_ID or not sessions.end_one(session, user_id, session_id):
        raise NotFound
    audit.record(session, audit_events.SESSION_REVOKED, session.get(User, user_id))


def sign_out_others(session: Session, user: User, user_session: UserSession, device_cookie: str) -> SessionCookies:
    """End the user's other sessions, and forget the other devices.

    Raises NotFound, SessionEnded, TooManyRequests.
    """
    user = accounts.get_user(session, user.id, lock=True)
    throttles.count_change(session, user)
    cookies, ended = _end_others(session, user, user_session, device_cookie)
    if ended:
        audit.record(session, audit_events.OTHER_SESSIONS_REVOKED, user)
    return cookies


def _end_others(
    session: Session, user: User, user_session: UserSession, device_cookie: str
) -> tuple[SessionCookies, bool]:
    """Leave a locked user this session only, with new cookies: copies of the old ones are void.

    Returns the cookies, and whether there were other sessions. Raises SessionEnded; then nothing may be committed.
    """
    token = sessions.rotate_token(session, user_session.id)
    if token is None:
        raise SessionEnded
    ended = sessions.end_others(session, user.id, user_session.id)
    device_cookie = known_devices.forget_others(session, user.id, device_cookie)
    return SessionCookies(user_session, token, device_cookie), ended
