"""Known devices: the browsers in which a person has signed in before. A cookie holds a token, the database its hash.

A browser that several people use holds a token for each of them, as one value. Nobody is ever known by
a token that was there before their sign-in: whoever plants a cookie in a browser gains nothing by it.
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

# Without a sign-in for so long, a browser is not known any more.
KNOWN_FOR = timedelta(days=365)
# Of one person; the one that was not used for longest makes room.
MAX_DEVICES = 50
# People who use one browser.
MOST_TOKENS = 5
BETWEEN = "."
A_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def is_known(session: Session, user_id: int, token: str) -> bool:
    """Whether the person has signed in before in the browser whose cookie this is."""
    known = select(KnownDevice.id).where(*_these(user_id, token), _lately())
    return session.scalar(known.limit(1)) is not None


def device_id(session: Session, email: str, token: str) -> int | None:
    """The number of the browser whose cookie this is, if the person with this address has signed in with it before."""
    if not (hashes := _hashes(token)):
        return None
    theirs = select(KnownDevice.id).join(User, User.id == KnownDevice.user_id)
    known = theirs.where(User.email_key == comparison_key(email), KnownDevice.token_hash.in_(hashes), _lately())
    return session.scalar(known.order_by(KnownDevice.id).limit(1))


def remember(session: Session, user_id: int, token: str) -> str:
    """Know the browser from now on as one of this person's; what its cookie is to hold."""
    now = clock.now()
    seen = update(KnownDevice).where(*_these(user_id, token)).values(last_seen_at=now)
    if session.scalar(seen.returning(KnownDevice.id)) is not None:
        return token
    new = secrets.token_urlsafe(32)
    session.add(KnownDevice(user_id=user_id, token_hash=sha256_hex(new), last_seen_at=now))
    session.flush()
    _make_room(session, user_id)
    return BETWEEN.join([new, *_tokens(token)][:MOST_TOKENS])


def forget_all(session: Session, user_id: int) -> None:
    """Know none of the person's browsers any more."""
    session.execute(delete(KnownDevice).where(KnownDevice.user_id == user_id))


def forget_others(session: Session, user_id: int, token: str) -> str:
    """Know this browser alone, if it was known, and by another token; what its cookie is to hold.

    A copy of the cookie is worth nothing any more.
    """
    known = is_known(session, user_id, token)
    mine = delete(KnownDevice).where(KnownDevice.user_id == user_id)
    gone = set(session.scalars(mine.returning(KnownDevice.token_hash)))
    others = BETWEEN.join(one for one in _tokens(token) if sha256_hex(one) not in gone)
    return remember(session, user_id, others) if known else others


def sweep(session: Session, now: datetime) -> None:
    """Delete those that were not used for a year."""
    session.execute(delete(KnownDevice).where(KnownDevice.last_seen_at <= now - KNOWN_FOR))


def _make_room(session: Session, user_id: int) -> None:
    mine = select(KnownDevice.id).where(KnownDevice.user_id == user_id)
    latest = mine.order_by(KnownDevice.last_seen_at.desc(), KnownDevice.id.desc()).limit(MAX_DEVICES)
    session.execute(delete(KnownDevice).where(KnownDevice.user_id == user_id, KnownDevice.id.not_in(latest)))


def _these(user_id: int, token: str) -> tuple[ColumnElement[bool], ...]:
    return KnownDevice.user_id == user_id, KnownDevice.token_hash.in_(_hashes(token))


def _lately() -> ColumnElement[bool]:
    return KnownDevice.last_seen_at > clock.now() - KNOWN_FOR


def _hashes(token: str) -> list[str]:
    return [sha256_hex(one) for one in _tokens(token)]


def _tokens(token: str) -> list[str]:
    return [one for one in token.split(BETWEEN, MOST_TOKENS)[:MOST_TOKENS] if A_TOKEN.fullmatch(one)]
