"""Addresses that wait for their confirmation, and changes that were undone.

Callers hold the lock on the person's account.
"""

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webapp import clock
from webapp.accounts import links
from webapp.accounts.models import AddressChange, Link, Purpose


def wait(session: Session, user_id: int, email: str) -> AddressChange:
    """Have this address wait, in place of any other."""
    forget(session, user_id)
    change = AddressChange(user_id=user_id, email=email, expires_at=clock.now() + links.CONFIRMATION_LIFETIME)
    session.add(change)
    return change


def waiting(session: Session, user_id: int) -> AddressChange | None:
    """The address that waits, if one does and has time left."""
    mine = select(AddressChange).where(AddressChange.user_id == user_id, AddressChange.expires_at > clock.now())
    return session.scalar(mine)


def forget(session: Session, user_id: int) -> None:
    """Let none wait; the links that would confirm it are worthless."""
    session.execute(delete(AddressChange).where(AddressChange.user_id == user_id))
    links.revoke(session, user_id, Purpose.CONFIRM_ADDRESS)


def undone(session: Session, link: Link) -> None:
    """The change was undone with this link: later ones cannot be any more.

    Earlier ones still can: whoever stole an account could change it twice and undo the second
    change alone. All may be undone for equally long, so the end of that time tells which came first.
    """
    later = (Link.user_id == link.user_id, Link.purpose == Purpose.RESTORE_ADDRESS, Link.expires_at >= link.expires_at)
    still_open = (Link.used_at.is_(None), Link.revoked_at.is_(None))
    session.execute(update(Link).where(*later, *still_open).values(revoked_at=clock.now()))


def is_undone(session: Session, user_id: int, changed_at: datetime, undo_until: datetime) -> bool:
    """Whether a change of then was undone since, or another one before it."""
    used = select(Link.id).where(
        Link.user_id == user_id,
        Link.purpose == Purpose.RESTORE_ADDRESS,
        Link.used_at >= changed_at,
        Link.expires_at <= undo_until,
    )
    return session.scalar(used.limit(1)) is not None
