"""One-time links: URLs with 32 secret bytes, of which only the hash is stored.

Opening a link never uses it up: mail scanners open all of them.
"""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.accounts import audit_events, throttles
from webapp.accounts.links.errors import LinkExpired, LinkNotFound, LinkReplaced, LinkRevoked, LinkUsed
from webapp.accounts.models import Link, LinkPurpose, User
from webapp.accounts.return_to import ReturnTo
from webapp.audit import service as audit
from webapp.audit.registry import EventType
from webapp.core import clock, rate_limits
from webapp.core.database import Database
from webapp.core.errors import MailroomError
from webapp.core.rate_limits import Limit
from webapp.core.sealing import sha256_hex

PATHS = {
    LinkPurpose.ACTIVATION: "/activate/",
    LinkPurpose.RESET: "/reset-password/",
    LinkPurpose.CONFIRM_ADDRESS: "/confirm-address/",
    LinkPurpose.RESTORE_ADDRESS: "/restore-address/",
}
CONFIRMATION_LIFETIME = timedelta(hours=24)
RESTORE_LIFETIME = timedelta(days=7)
# An open link is neither used nor revoked; it is valid until it expires.
OPEN = (Link.used_at.is_(None), Link.revoked_at.is_(None))
# Anybody can open links, or made-up ones, as often as they like: these keep the audit log from filling up.
AUDIT_ENTRIES_BY_LINK = Limit("audit entries about a link, event and link", 10, timedelta(days=1))
AUDIT_ENTRIES_UNKNOWN = Limit("audit entries about unknown links", 60, timedelta(hours=1))


def create(
    session: Session,
    user: User,
    purpose: LinkPurpose,
    expires_at: datetime,
    email: str | None = None,
    code_hash: str | None = None,
    return_to: ReturnTo | None = None,
    shown_at: datetime | None = None,
) -> str:
    """Create a link and return its secret. `email` is the address that it confirms or restores."""
    secret = secrets.token_urlsafe(32)
    link = Link(
        user_id=user.id,
        purpose=purpose,
        email=email,
        secret_hash=sha256_hex(secret),
        code_hash=code_hash,
        created_at=clock.now(),
        expires_at=expires_at,
        return_to=return_to,
        shown_to_admin_at=shown_at,
    )
    session.add(link)
    return secret


def find(session: Session, secret: str, purpose: LinkPurpose) -> Link:
    """Return the link, valid or not. Raises LinkNotFound."""
    query = select(Link).where(Link.secret_hash == sha256_hex(secret), Link.purpose == purpose)
    link = session.scalar(query.execution_options(populate_existing=True))
    if link is None:
        raise LinkNotFound
    return link


def get_user(session: Session, link: Link) -> User:
    """Return the user of a link. Raises LinkNotFound if the account was deleted meanwhile."""
    user = session.get(User, link.user_id)
    if user is None:
        raise LinkNotFound
    return user


def find_language(session: Session, secret: str, purpose: LinkPurpose) -> str | None:
    """Return the language of the user of a link, valid or not, if they have chosen one."""
    of_link = select(Link.user_id).where(Link.secret_hash == sha256_hex(secret), Link.purpose == purpose)
    return session.scalar(select(User.language).where(User.id == of_link.scalar_subquery()))


def check(link: Link) -> None:
    """Raise LinkUsed, LinkRevoked or LinkExpired unless the link is valid."""
    if link.used_at is not None:
        raise LinkUsed
    if link.revoked_at is not None:
        raise LinkRevoked
    if link.expires_at <= clock.now():
        raise LinkExpired


def use(session: Session, secret: str, purpose: LinkPurpose) -> Link:
    """Use up a link and lock its user; of several simultaneous attempts one succeeds. Raises LinkRefused."""
    # Every change of an account and its links locks the account first. Otherwise two links of one user that are used
    # at the same moment would each hold what the other has to revoke.
    user = session.get(User, find(session, secret, purpose).user_id, with_for_update=True)
    now = clock.now()
    statement = update(Link).where(Link.secret_hash == sha256_hex(secret), Link.purpose == purpose)
    statement = statement.where(*OPEN, Link.expires_at > now)
    link: Link | None = session.scalar(statement.values(used_at=now).returning(Link))
    if link is None:
        check(find(session, secret, purpose))
        # It was valid until a moment ago.
        raise LinkExpired
    audit.record(session, audit_events.LINK_USED, user, purpose=purpose)
    return link


def has_open(session: Session, user_id: int, purpose: LinkPurpose) -> bool:
    """Return whether the user has a valid link for this purpose."""
    valid = select(Link.id).where(
        Link.user_id == user_id, Link.purpose == purpose, *OPEN, Link.expires_at > clock.now()
    )
    return session.scalar(valid.limit(1)) is not None


def mark_shown(session: Session, secret: str) -> bool:
    """Record that somebody else gets to see the link now; return whether it is valid and was not shown before."""
    now = clock.now()
    unseen = update(Link).where(
        Link.secret_hash == sha256_hex(secret), Link.shown_to_admin_at.is_(None), *OPEN, Link.expires_at > now
    )
    return session.scalar(unseen.values(shown_to_admin_at=now).returning(Link.id)) is not None


def revoke(session: Session, user_id: int, *purposes: LinkPurpose) -> None:
    """Revoke all of the user's open links for these purposes, and their codes."""
    statement = update(Link).where(Link.user_id == user_id, Link.purpose.in_(purposes), *OPEN)
    session.execute(statement.values(revoked_at=clock.now()))


def revoke_shown(session: Session, user_id: int) -> None:
    """Revoke all of the user's open links that somebody else has seen."""
    shown = update(Link).where(Link.user_id == user_id, Link.shown_to_admin_at.is_not(None), *OPEN)
    session.execute(shown.values(revoked_at=clock.now()))


def record_opened(database: Database, secret: str, purpose: LinkPurpose) -> None:
    """Record that a link was opened, by its user or by a mail scanner. The next page refuses unknown ones."""
    try:
        with database.read() as session:
            link = find(session, secret, purpose)
    except LinkNotFound:
        return
    with database.transaction() as session:
        _record(session, audit_events.LINK_OPENED, link)


def record_refused(
    session: Session, secret: str, purpose: LinkPurpose, error: MailroomError, client_address: str
) -> None:
    """Record that a link was refused; without a secret there was none.

    Raises TooManyRequests for a network that tries many unknown links; known links are never limited.
    """
    if isinstance(error, LinkNotFound):
        throttles.count_for_network(session, throttles.UNKNOWN_LINKS_BY_NETWORK, client_address)
    # A replaced link was not tried: the browser holds another one.
    if not secret or isinstance(error, LinkReplaced):
        return
    reason = error.code
    try:
        link = find(session, secret, purpose)
    except LinkNotFound:
        if rate_limits.try_consume(session, AUDIT_ENTRIES_UNKNOWN, ""):
            audit.record(session, audit_events.LINK_REJECTED, purpose=purpose, reason=reason)
    else:
        _record(session, audit_events.LINK_REJECTED, link, reason=reason)


def _record(session: Session, event: EventType, link: Link, **data: Any) -> None:
    if rate_limits.try_consume(session, AUDIT_ENTRIES_BY_LINK, f"{event.key} {link.id}"):
        audit.record(session, event, session.get(User, link.user_id), purpose=link.purpose, **data)
