"""The one-time addresses in mails: 32 random bytes, of which only the hash is kept.

Looking at a link never spends it: mail scanners look at all of them.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.accounts import events
from webapp.accounts.links.errors import LinkExpired, LinkNotFound, LinkRevoked, LinkUsed
from webapp.accounts.models import Link, LinkPurpose, User
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.sealing import sha256_hex

PATHS = {
    LinkPurpose.ACTIVATION: "/activate/",
    LinkPurpose.RESET: "/reset-password/",
    LinkPurpose.CONFIRM_ADDRESS: "/confirm-address/",
    LinkPurpose.RESTORE_ADDRESS: "/restore-address/",
}
CONFIRMATION_LIFETIME = timedelta(hours=24)
RESTORE_LIFETIME = timedelta(days=7)
# Used, revoked: a link that is neither is open, and good until it expires.
OPEN = (Link.used_at.is_(None), Link.revoked_at.is_(None))


def create(
    session: Session,
    user: User,
    purpose: LinkPurpose,
    expires_at: datetime,
    email: str | None = None,
    code_hash: str | None = None,
) -> str:
    """A new link's secret; what is stored is its hash. `email` is the address that it confirms or restores."""
    secret = secrets.token_urlsafe(32)
    link = Link(
        user_id=user.id,
        purpose=purpose,
        email=email,
        secret_hash=sha256_hex(secret),
        code_hash=code_hash,
        created_at=clock.now(),
        expires_at=expires_at,
    )
    session.add(link)
    return secret


def find(session: Session, secret: str, purpose: LinkPurpose) -> Link:
    """The link, whatever has become of it. Raises LinkUnknown."""
    wanted = select(Link).where(Link.secret_hash == sha256_hex(secret), Link.purpose == purpose)
    link = session.scalar(wanted.execution_options(populate_existing=True))
    if link is None:
        raise LinkNotFound
    return link


def get_user(session: Session, link: Link) -> User:
    """The person it was made for. Raises LinkUnknown: the account can go after the link was read."""
    person = session.get(User, link.user_id)
    if person is None:
        raise LinkNotFound
    return person


def check(link: Link) -> None:
    """Whether the link is still good. Raises LinkUsed, LinkRevoked, LinkExpired."""
    if link.used_at is not None:
        raise LinkUsed
    if link.revoked_at is not None:
        raise LinkRevoked
    if link.expires_at <= clock.now():
        raise LinkExpired


def use(session: Session, secret: str, purpose: LinkPurpose) -> Link:
    """Use the link up, with its person locked; of two who try at once one succeeds. Raises LinkRefused."""
    # Whoever changes an account and its links locks the account first: without it, two links of one
    # person used at the same moment would each hold what the other one has to revoke.
    person = session.get(User, find(session, secret, purpose).user_id, with_for_update=True)
    now = clock.now()
    ours = update(Link).where(Link.secret_hash == sha256_hex(secret), Link.purpose == purpose)
    good = ours.where(*OPEN, Link.expires_at > now)
    link: Link | None = session.scalar(good.values(used_at=now).returning(Link))
    if link is None:
        check(find(session, secret, purpose))
        # It was good until a moment ago.
        raise LinkExpired
    audit.record(session, events.LINK_USED, person, purpose=purpose)
    return link


def mark_shown(session: Session, secret: str) -> bool:
    """Note that somebody sees the link now; whether it is good, and nobody saw it before."""
    now = clock.now()
    fresh = update(Link).where(
        Link.secret_hash == sha256_hex(secret), Link.shown_to_admin_at.is_(None), *OPEN, Link.expires_at > now
    )
    return session.scalar(fresh.values(shown_to_admin_at=now).returning(Link.id)) is not None


def revoke(session: Session, user_id: int, *purposes: LinkPurpose) -> None:
    """Make all of the person's links for these purposes worthless, and the codes with them.

    One that was just used is open no more, so it stays what it is.
    """
    mine = update(Link).where(Link.user_id == user_id, Link.purpose.in_(purposes), *OPEN)
    session.execute(mine.values(revoked_at=clock.now()))
