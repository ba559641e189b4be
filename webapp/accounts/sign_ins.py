"""Sign-ins: the browsers that people are signed in with. The browser holds a random token, the database its hash."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webapp import clock
from webapp.accounts.models import SignIn, Status, User
from webapp.audit import service as audit
from webapp.audit.events import Event

LIFETIME = timedelta(days=1)
# How exact `last_seen_at` is: not every page is worth a write.
SEEN_EVERY = timedelta(minutes=5)
LONGEST_DEVICE = 300


@dataclass(frozen=True)
class Client:
    """Who asks, as far as it can be known: an IP address, and what the browser says it is."""

    address: str
    device: str


def start(session: Session, user: User, client: Client) -> str:
    """A new sign-in of this person; its token."""
    now = clock.now()
    token = secrets.token_urlsafe(32)
    sign_in = SignIn(
        user_id=user.id,
        token_hash=_hash(token),
        created_at=now,
        last_seen_at=now,
        confirmed_at=now,
        expires_at=now + LIFETIME,
        address=client.address[:64],
        device=_printable(client.device)[:LONGEST_DEVICE],
    )
    session.add(sign_in)
    audit.record(session, Event.SIGNED_IN, user)
    return token


def find(session: Session, token: str) -> tuple[User, SignIn] | None:
    """Whose token this is, while the sign-in lasts and the account is active."""
    row = session.execute(
        select(User, SignIn)
        .join(SignIn, SignIn.user_id == User.id)
        .where(
            SignIn.token_hash == _hash(token),
            SignIn.expires_at > clock.now(),
            User.status == Status.ACTIVE,
        )
    ).first()
    return row and (row[0], row[1])


def is_stale(sign_in: SignIn) -> bool:
    """Whether it is time to note again that it was seen."""
    return sign_in.last_seen_at + SEEN_EVERY <= clock.now()


def seen(session: Session, sign_in: SignIn) -> None:
    """Note that it is in use."""
    session.execute(update(SignIn).where(SignIn.id == sign_in.id).values(last_seen_at=clock.now()))


def confirmed(session: Session, sign_in: SignIn) -> str | None:
    """Note that the password was typed again. The new token, the one before being worthless from now on.

    None when the sign-in ended, or got another token, meanwhile.
    """
    token = secrets.token_urlsafe(32)
    present = (SignIn.id == sign_in.id, SignIn.token_hash == sign_in.token_hash)
    values = {"token_hash": _hash(token), "confirmed_at": clock.now()}
    renewed = session.execute(update(SignIn).where(*present).values(values).returning(SignIn.id)).first()
    return token if renewed else None


def end(session: Session, token: str) -> None:
    """Sign this one browser out; its token is worthless from now on, wherever it was copied to."""
    session.execute(delete(SignIn).where(SignIn.token_hash == _hash(token)))


def end_others(session: Session, user_id: int, token: str) -> None:
    """Sign the person out everywhere but where this token is."""
    session.execute(delete(SignIn).where(SignIn.user_id == user_id, SignIn.token_hash != _hash(token)))


def end_one(session: Session, user_id: int, sign_in_id: int) -> bool:
    """End this sign-in; whether the person has such a one."""
    mine = delete(SignIn).where(SignIn.user_id == user_id, SignIn.id == sign_in_id)
    return session.execute(mine.returning(SignIn.id)).first() is not None


def replace(session: Session, token: str) -> str:
    """A new token for the same sign-in, which lasts no longer for it; the old token is worthless."""
    new = secrets.token_urlsafe(32)
    session.execute(update(SignIn).where(SignIn.token_hash == _hash(token)).values(token_hash=_hash(new)))
    return new


def of(session: Session, user_id: int, most: int) -> list[SignIn]:
    """The person's sign-ins, `most` of them, those used last first."""
    mine = select(SignIn).where(SignIn.user_id == user_id, SignIn.expires_at > clock.now())
    return list(session.scalars(mine.order_by(SignIn.last_seen_at.desc(), SignIn.id.desc()).limit(most)))


def is_of(sign_in: SignIn, token: str) -> bool:
    """Whether this is the token's sign-in."""
    return sign_in.token_hash == _hash(token)


def end_all(session: Session, user_id: int) -> None:
    """Sign the person out everywhere."""
    session.execute(delete(SignIn).where(SignIn.user_id == user_id))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())
