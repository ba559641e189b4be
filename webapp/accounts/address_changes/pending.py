"""Addresses that wait for their confirmation, and changes that were undone.

Callers hold the lock on the person's account.
"""

from datetime import datetime

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from webapp.accounts.links import service as links
from webapp.accounts.models import AddressChange, Link, LinkPurpose, User
from webapp.core import clock
from webapp.core.email_addresses import comparison_key
from webapp.outbox import service as outbox


def request(session: Session, user_id: int, email: str) -> AddressChange:
    """Have this address wait, in place of any other."""
    discard(session, user_id)
    change = AddressChange(user_id=user_id, email=email, expires_at=clock.now() + links.CONFIRMATION_LIFETIME)
    session.add(change)
    return change


def find_pending(session: Session, user_id: int) -> AddressChange | None:
    """The address that waits, if one does and has time left."""
    mine = select(AddressChange).where(AddressChange.user_id == user_id, AddressChange.expires_at > clock.now())
    return session.scalar(mine)


def discard(session: Session, user_id: int) -> None:
    """Let none wait; the links that would confirm it are worthless."""
    session.execute(delete(AddressChange).where(AddressChange.user_id == user_id))
    links.revoke(session, user_id, LinkPurpose.CONFIRM_ADDRESS)


def taken_until(session: Session, person: User, address: str) -> datetime | None:
    """Until when a change that took this address from the person can be undone, if one can; of several, the last.

    So it can with a mailed link that is still good, and with one that a mail is yet to bring.
    """
    mine = (Link.user_id == person.id, Link.purpose == LinkPurpose.RESTORE_ADDRESS, Link.expires_at > clock.now())
    ends = [(link.email or "", link.expires_at) for link in session.scalars(select(Link).where(*mine, *links.OPEN))]
    for message in outbox.undelivered(session, "address_changed", person.id):
        until = message.deadline
        if not is_undone(session, person.id, message.recipient, message.created_at, until):
            ends.append((message.recipient, until))
    return max((until for old, until in ends if comparison_key(old) == comparison_key(address)), default=None)


def restore(session: Session, person: User, until: datetime) -> None:
    """The person confirmed an address that was taken from them: that undoes the change as its own link would.

    What is noted is a link that was used, for the mails that are yet to leave.
    """
    secret = links.create(session, person, LinkPurpose.RESTORE_ADDRESS, until, person.email)
    undone(session, links.use(session, secret, LinkPurpose.RESTORE_ADDRESS))


def undone(session: Session, link: Link) -> None:
    """The change was undone with this link: later ones cannot be any more.

    Earlier ones still can: whoever stole an account could change it twice and undo the second
    change alone. All may be undone for equally long, so the end of that time tells which came first.
    """
    mine = (Link.user_id == link.user_id, Link.purpose == LinkPurpose.RESTORE_ADDRESS)
    # Not one for the same change to an address that only compares as equal: it can be another mailbox.
    same = and_(Link.expires_at == link.expires_at, Link.email == link.email)
    later = or_(Link.expires_at > link.expires_at, same)
    session.execute(update(Link).where(*mine, later, *links.OPEN).values(revoked_at=clock.now()))


def is_undone(session: Session, user_id: int, address: str, changed_at: datetime, undo_until: datetime) -> bool:
    """Whether a change of then, which took this address away, was undone since, or another one before it."""
    same = and_(Link.expires_at == undo_until, Link.email == address)
    used = select(Link.id).where(
        Link.user_id == user_id,
        Link.purpose == LinkPurpose.RESTORE_ADDRESS,
        Link.used_at >= changed_at,
        or_(Link.expires_at < undo_until, same),
    )
    return session.scalar(used.limit(1)) is not None
