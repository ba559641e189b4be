"""Addresses that wait for their confirmation. Callers hold the lock on the person's account."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp import clock
from webapp.accounts import links
from webapp.accounts.models import AddressChange, Purpose


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
