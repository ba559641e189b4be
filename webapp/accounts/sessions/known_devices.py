"""Known devices: the browsers a user has signed in with before. A cookie has a token, the database its hash.

A browser that several users share has a token for each of them, in one cookie. A login always adds a token of its own,
so that nobody gains anything by planting a cookie in someone's browser.
"""

import re
import secrets
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from webapp.accounts.models import KnownDevice, User
from webapp.core import clock
from webapp.core.email_addresses import comparison_key
from webapp.core.sealing import sha256_hex

# A browser that was not used to sign in for this long is not known any more.
KNOWN_FOR = timedelta(days=365)
# In one browser's cookie.
MAX_TOKENS = 5
COOKIE_SEPARATOR = "."
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def is_known(session: Session, user_id: int, cookie: str) -> bool:
    """Return whether the user has signed in before with the browser that has this cookie."""
    return session.scalar(select(KnownDevice.id).where(*_matches(user_id, cookie), _is_recent()).limit(1)) is not None


def device_id(session: Session, email: str, cookie: str) -> int | None:
    """Return the id of the browser that has this cookie, if the user with this address has signed in with it."""
    if not (hashes := _hashes(cookie)):
        return None
    query = select(KnownDevice.id).join(User, User.id == KnownDevice.user_id)
    known = query.where(User.email_key == comparison_key(email), KnownDevice.token_hash.in_(hashes), _is_recent())
    return session.scalar(known.order_by(KnownDevice.id).limit(1))


def remember(session: Session, user_id: int, cookie: str) -> str:
    """Make the browser with this cookie a known one of this user; return the new value of the cookie."""
    now = clock.now()
    seen = update(KnownDevice).where(*_matches(user_id, cookie)).values(last_seen_at=now)
    if session.scalar(seen.returning(KnownDevice.id)) is not None:
        return cookie
    token = secrets.token_urlsafe(32)
    session.add(KnownDevice(user_id=user_id, token_hash=sha256_hex(token), last_seen_at=now))
    return COOKIE_SEPARATOR.join([token, *_tokens(cookie)][:MAX_TOKENS])


def forget_all(session: Session, user_id: int) -> None:
    """Forget all of the user's browsers."""
    session.execute(delete(KnownDevice).where(KnownDevice.user_id == user_id))


def forget_others(session: Session, user_id: int, cookie: str) -> str:
    """Keep this browser alone, if it was known, under a new token; return the new value of the cookie.

    Copies of the cookie become worthless.
    """
    known = is_known(session, user_id, cookie)
    own = delete(KnownDevice).where(KnownDevice.user_id == user_id)
    deleted = set(session.scalars(own.returning(KnownDevice.token_hash)))
    others = COOKIE_SEPARATOR.join(token for token in _tokens(cookie) if sha256_hex(token) not in deleted)
    return remember(session, user_id, others) if known else others


def sweep(session: Session, now: datetime) -> None:
    """Delete the browsers that were not used for a year."""
    session.execute(delete(KnownDevice).where(KnownDevice.last_seen_at <= now - KNOWN_FOR))


def _matches(user_id: int, cookie: str) -> tuple[ColumnElement[bool], ...]:
    return KnownDevice.user_id == user_id, KnownDevice.token_hash.in_(_hashes(cookie))


def _is_recent() -> ColumnElement[bool]:
    return KnownDevice.last_seen_at > clock.now() - KNOWN_FOR


def _hashes(cookie: str) -> list[str]:
    return [sha256_hex(token) for token in _tokens(cookie)]


def _tokens(cookie: str) -> list[str]:
    return [token for token in cookie.split(COOKIE_SEPARATOR, MAX_TOKENS)[:MAX_TOKENS] if TOKEN.fullmatch(token)]
