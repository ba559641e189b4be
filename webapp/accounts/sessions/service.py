"""Sessions: the browsers that users are signed in with. The browser has a random token, the database its hash.

How long a session lasts follows from the settings of the moment, also for sessions that began before they were saved.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import and_, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from webapp.accounts import audit_events
from webapp.accounts.models import Session as UserSession
from webapp.accounts.models import User, UserState
from webapp.accounts.passwords.policy import is_expired
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.database import Database
from webapp.core.sealing import sha256_hex
from webapp.settings.models import SINGLETON_ID, GeneralSettings, SecuritySettings
from webapp.settings.service import SecurityPolicy, policy_of, security
from webapp.web.client import Client

# A clock may be set back by this much without signing anybody out; no session lasts longer than that because of it.
CLOCK_SKEW = timedelta(days=1)
# The precision of `last_seen_at`: not every page is worth a write.
TOUCH_INTERVAL = timedelta(minutes=5)
MAX_LISTED = 50
# Every page of a signed-in user asks this, so it is built only once.
_FIND = (
    select(UserSession, User, SecuritySettings, GeneralSettings)
    .join(User, User.id == UserSession.user_id)
    .outerjoin(SecuritySettings, SecuritySettings.id == SINGLETON_ID)
    .outerjoin(GeneralSettings, GeneralSettings.id == SINGLETON_ID)
    .where(UserSession.token_hash == bindparam("token_hash"), User.state == UserState.ACTIVE)
)


@dataclass(frozen=True)
class SessionCookies:
    """A session, its new token, and the new value of the cookie for known devices."""

    session: UserSession
    token: str = field(repr=False)
    device_cookie: str = field(repr=False)


class LoadedSession(NamedTuple):
    """A valid session and its user, both detached: code that changes an account locks and reads its row again.

    The general settings come along because the page shows them.
    """

    user: User
    session: UserSession
    needs_touch: bool
    password_is_expired: bool
    general_settings: GeneralSettings | None


def start(session: Session, user: User, client: Client, remembered: bool = False) -> tuple[UserSession, str]:
    """Create a session for this user; return it and its token. A remembered one outlives closing the browser."""
    now = clock.now()
    token = secrets.token_urlsafe(32)
    user_session = UserSession(
        user_id=user.id,
        token_hash=sha256_hex(token),
        created_at=now,
        last_seen_at=now,
        authenticated_at=now,
        expires_at=now + _lifetime(security(session), remembered),
        remembered=remembered,
        ip_address=client.ip_address,
        user_agent=client.user_agent,
    )
    session.add(user_session)
    audit.record(session, audit_events.SESSION_STARTED, user)
    return user_session, token


def find(database: Database, token: str) -> LoadedSession | None:
    """Return the session with this token while it is valid and its user active."""
    with database.read() as session:
        row = session.execute(_FIND, {"token_hash": sha256_hex(token)}).first()
    if row is None:
        return None
    user_session, user, security_settings, general_settings = row
    policy, now = policy_of(security_settings), clock.now()
    if not _is_valid(policy, user_session, now):
        return None
    idle = timedelta(minutes=policy.session_idle_minutes)
    needs_touch = abs(now - user_session.last_seen_at) >= min(TOUCH_INTERVAL, idle / 4)
    password_is_expired = is_expired(user, policy.password_max_age_days)
    return LoadedSession(user, user_session, needs_touch, password_is_expired, general_settings)


def touch(session: Session, user_session: UserSession) -> None:
    """Record that the session is in use."""
    session.execute(update(UserSession).where(UserSession.id == user_session.id).values(last_seen_at=clock.now()))


def count_password_check(session: Session, user_session: UserSession) -> int | None:
    """Count an attempt at the user's own password before it is verified; return how many are left after it.

    None, uncounted, if none was left or the session has ended. Not limited by time: a session can last a year, and
    waiting must not give a thief further guesses.
    """
    threshold, checks = security(session).lockout_threshold, UserSession.failed_password_checks
    allowed = update(UserSession).where(UserSession.id == user_session.id, checks < threshold)
    number = session.scalar(allowed.values(failed_password_checks=checks + 1).returning(checks))
    return None if number is None else threshold - number


def reset_password_checks(session: Session, user_session: UserSession) -> bool:
    """Forget the failed attempts after a correct password; return whether the session still exists."""
    statement = update(UserSession).where(UserSession.id == user_session.id).values(failed_password_checks=0)
    return session.scalar(statement.returning(UserSession.id)) is not None


def mark_authenticated(session: Session, user_session: UserSession) -> str | None:
    """Record that the password was entered again; return the new token, which replaces the current one.

    None if the session has ended or got another token meanwhile.
    """
    token = secrets.token_urlsafe(32)
    unchanged = update(UserSession).where(
        UserSession.id == user_session.id, UserSession.token_hash == user_session.token_hash
    )
    values = {"token_hash": sha256_hex(token), "authenticated_at": clock.now()}
    row = session.execute(unchanged.values(values).returning(UserSession.id)).first()
    return None if row is None else token


def rotate_token(session: Session, session_id: int) -> str | None:
    """Replace the session's token; return the new one, or None if the session has ended."""
    token = secrets.token_urlsafe(32)
    statement = update(UserSession).where(UserSession.id == session_id).values(token_hash=sha256_hex(token))
    return None if session.execute(statement.returning(UserSession.id)).first() is None else token


def end(session: Session, token: str) -> None:
    """End the session with this token, wherever it was copied to."""
    session.execute(delete(UserSession).where(UserSession.token_hash == sha256_hex(token)))


def end_one(session: Session, user_id: int, session_id: int) -> bool:
    """End this session; return whether the user has it."""
    own = delete(UserSession).where(UserSession.user_id == user_id, UserSession.id == session_id)
    return session.execute(own.returning(UserSession.id)).first() is not None


def end_others(session: Session, user_id: int, session_id: int) -> bool:
    """End all of the user's sessions but this one; return whether there were any."""
    others = delete(UserSession).where(UserSession.user_id == user_id, UserSession.id != session_id)
    return bool(session.scalars(others.returning(UserSession.id)).all())


def end_all(session: Session, user_id: int) -> bool:
    """Sign the user out everywhere; return whether there were any sessions."""
    own = delete(UserSession).where(UserSession.user_id == user_id)
    return bool(session.scalars(own.returning(UserSession.id)).all())


def end_for_everyone(session: Session) -> None:
    """End the sessions of all users, as after a leak."""
    session.execute(delete(UserSession))


def list_for_user(session: Session, user_id: int) -> list[UserSession]:
    """Return the valid sessions of this user, the most recently used first."""
    own = select(UserSession).where(UserSession.user_id == user_id)
    found = session.scalars(own.order_by(UserSession.last_seen_at.desc(), UserSession.id.desc()).limit(MAX_LISTED))
    policy, now = security(session), clock.now()
    return [one for one in found if _is_valid(policy, one, now)]


def sweep(session: Session, now: datetime) -> None:
    """Delete the sessions that have ended, so that a longer lifetime set later does not bring them back."""
    policy, remembered = security(session), UserSession.remembered.is_(True)
    idle = and_(~remembered, UserSession.last_seen_at <= now - timedelta(minutes=policy.session_idle_minutes))
    old = and_(~remembered, UserSession.created_at <= now - _lifetime(policy, False))
    remembered_too_long = and_(remembered, UserSession.created_at <= now - _lifetime(policy, True))
    session.execute(delete(UserSession).where(or_(UserSession.expires_at <= now, idle, old, remembered_too_long)))


def _lifetime(policy: SecurityPolicy, remembered: bool) -> timedelta:
    """Return the time from the start of a session to its end."""
    return timedelta(minutes=policy.session_remembered_minutes if remembered else policy.session_minutes)


def _is_valid(policy: SecurityPolicy, user_session: UserSession, now: datetime) -> bool:
    """Return whether the session has not ended. A remembered one does not end when it is not used."""
    lifetime = _lifetime(policy, user_session.remembered)
    idle = lifetime if user_session.remembered else timedelta(minutes=policy.session_idle_minutes)
    return (
        now < user_session.expires_at
        and now - lifetime < user_session.created_at <= now + CLOCK_SKEW
        and now - idle < user_session.last_seen_at <= now + CLOCK_SKEW
    )
