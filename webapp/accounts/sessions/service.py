"""Sign-ins: the browsers that people are signed in with. The browser holds a random token, the database its hash."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from webapp.accounts import events
from webapp.accounts.models import Session as SignIn
from webapp.accounts.models import User, UserState
from webapp.accounts.passwords.age import is_expired
from webapp.accounts.sessions.lifetimes import Lifetimes
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.database import Database, as_saved
from webapp.core.sealing import sha256_hex
from webapp.settings.models import SINGLETON_ID, SecuritySettings
from webapp.settings.service import SecurityPolicy, security

# Every page of a signed-in person asks this: with a session it would cost as much as all the rest of a page.
_PERSON, _SIGN_IN = User.__table__.columns, SignIn.__table__.columns
_FOUND = (
    select(
        *_PERSON,
        *_SIGN_IN,
        SecuritySettings.session_idle_minutes,
        SecuritySettings.session_minutes,
        SecuritySettings.session_remembered_minutes,
        SecuritySettings.password_max_age_days,
    )
    .join_from(User, SignIn, SignIn.user_id == User.id)
    .outerjoin(SecuritySettings, SecuritySettings.id == SINGLETON_ID)
    .where(SignIn.token_hash == bindparam("token_hash"), User.state == UserState.ACTIVE)
)


@dataclass(frozen=True)
class Client:
    """Who asks, as far as it can be known: an IP address, and what the browser says it is, shortened.

    `known_as` is what the browser's cookie for known devices holds, `token` that of its sign-in, where it matters.
    """

    address: str
    device: str
    known_as: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


class LoadedSession(NamedTuple):
    """A sign-in that is good, whose it is, whether it is time to note that it is in use, or for a new password.

    Both are as the database has them at this moment, in no session: to read, and to say who asks. Who changes
    an account locks its row and reads it anew.
    """

    user: User
    sign_in: SignIn
    is_stale: bool
    password_is_old: bool


def start(session: Session, user: User, client: Client, remembered: bool = False) -> tuple[SignIn, str]:
    """A new sign-in of this person, and its token. One to be remembered outlives the browser's closing."""
    now = clock.now()
    token = secrets.token_urlsafe(32)
    sign_in = SignIn(
        user_id=user.id,
        token_hash=sha256_hex(token),
        created_at=now,
        last_seen_at=now,
        confirmed_at=now,
        expires_at=now + Lifetimes.of(security(session)).whole(remembered),
        remembered=remembered,
        address=client.address,
        device=client.device,
    )
    session.add(sign_in)
    audit.record(session, events.SESSION_STARTED, user)
    return sign_in, token


def find(database: Database, token: str) -> LoadedSession | None:
    """Whose token this is, while the sign-in lasts and the account is active."""
    row = database.glance(_FOUND, token_hash=sha256_hex(token))
    if row is None:
        return None
    values = iter(row)
    # In the order in which the statement names them.
    user = as_saved(User, {column.key: next(values) for column in _PERSON})
    sign_in = as_saved(SignIn, {column.key: next(values) for column in _SIGN_IN})
    idle, usual, remembered, days = values
    # Nobody has saved any settings yet if there are none.
    lifetimes = Lifetimes.of(SecurityPolicy()) if idle is None else Lifetimes.minutes(idle, usual, remembered)
    now = clock.now()
    if not lifetimes.lasts(sign_in, now):
        return None
    return LoadedSession(user, sign_in, lifetimes.seen_long_ago(sign_in, now), is_expired(user, days or 0))


def touch(session: Session, sign_in: SignIn) -> None:
    """Note that it is in use."""
    session.execute(update(SignIn).where(SignIn.id == sign_in.id).values(last_seen_at=clock.now()))


def confirmed(session: Session, sign_in: SignIn) -> str | None:
    """Note that the password was typed again. The new token, the one before being worthless from now on.

    None when the sign-in ended, or got another token, meanwhile.
    """
    token = secrets.token_urlsafe(32)
    present = (SignIn.id == sign_in.id, SignIn.token_hash == sign_in.token_hash)
    values = {"token_hash": sha256_hex(token), "confirmed_at": clock.now()}
    renewed = session.execute(update(SignIn).where(*present).values(values).returning(SignIn.id)).first()
    return token if renewed else None


def count_password_check(session: Session, sign_in: SignIn) -> int | None:
    """Count an attempt at the user's own password before it is verified; return how many are left after it.

    None, uncounted, if none was left or the session has ended. Not limited by time: a session can last a year, and
    waiting must not give a thief further guesses.
    """
    threshold = security(session).lockout_threshold
    spare = update(SignIn).where(SignIn.id == sign_in.id, SignIn.wrong_passwords < threshold)
    counted = spare.values(wrong_passwords=SignIn.wrong_passwords + 1).returning(SignIn.wrong_passwords)
    number = session.scalar(counted)
    return None if number is None else threshold - number


def reset_password_checks(session: Session, sign_in: SignIn) -> bool:
    """Forget the failed attempts after a correct password; return whether the session still exists."""
    statement = update(SignIn).where(SignIn.id == sign_in.id).values(wrong_passwords=0)
    return session.scalar(statement.returning(SignIn.id)) is not None


def end(session: Session, token: str) -> None:
    """Sign this one browser out; its token is worthless from now on, wherever it was copied to."""
    session.execute(delete(SignIn).where(SignIn.token_hash == sha256_hex(token)))


def end_others(session: Session, user_id: int, sign_in_id: int) -> None:
    """End all of the person's sign-ins but this one."""
    session.execute(delete(SignIn).where(SignIn.user_id == user_id, SignIn.id != sign_in_id))


def end_one(session: Session, user_id: int, sign_in_id: int) -> bool:
    """End this sign-in; whether the person has such a one."""
    mine = delete(SignIn).where(SignIn.user_id == user_id, SignIn.id == sign_in_id)
    return session.execute(mine.returning(SignIn.id)).first() is not None


def rotate_token(session: Session, sign_in_id: int) -> str | None:
    """A new token for the same sign-in, which lasts no longer for it; the former one is worthless. None if it ended.

    By its number, as another window may have replaced the token a moment ago.
    """
    new = secrets.token_urlsafe(32)
    renewed = update(SignIn).where(SignIn.id == sign_in_id).values(token_hash=sha256_hex(new))
    return new if session.execute(renewed.returning(SignIn.id)).first() else None


def list_for_user(session: Session, user_id: int, most: int) -> list[SignIn]:
    """The person's sign-ins, `most` of them, those used last first."""
    mine = select(SignIn).where(SignIn.user_id == user_id)
    found = session.scalars(mine.order_by(SignIn.last_seen_at.desc(), SignIn.id.desc()).limit(most))
    lifetimes, now = Lifetimes.of(security(session)), clock.now()
    return [one for one in found if lifetimes.lasts(one, now)]


def belongs_to(sign_in: SignIn, token: str) -> bool:
    """Whether this is the token's sign-in."""
    return sign_in.token_hash == sha256_hex(token)


def end_all(session: Session, user_id: int) -> None:
    """Sign the person out everywhere."""
    session.execute(delete(SignIn).where(SignIn.user_id == user_id))


def sweep(session: Session, now: datetime) -> None:
    """Delete those that are over, so that longer lifetimes do not bring them back."""
    lifetimes, remembered = Lifetimes.of(security(session)), SignIn.remembered.is_(True)
    unused = and_(~remembered, SignIn.last_seen_at <= now - lifetimes.idle)
    old = and_(~remembered, SignIn.created_at <= now - lifetimes.usual)
    very_old = and_(remembered, SignIn.created_at <= now - lifetimes.remembered)
    session.execute(delete(SignIn).where(or_(SignIn.expires_at <= now, unused, old, very_old)))
