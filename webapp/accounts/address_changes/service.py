"""A new email address: requested with the password, confirmed from the new address, undone from the old one.

A request does the same work and gets the same response whether the new address is taken or not, so it reveals
nothing about other accounts. The page behind the emailed link may say so: only the owner of that
mailbox can open it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from webapp.accounts import audit_events, notifications, service, throttles
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import AccountDisabled, LinkRefused
from webapp.accounts.models import AddressChange, Link, LinkPurpose, User, UserState
from webapp.accounts.models import Session as UserSession
from webapp.accounts.passwords import policy
from webapp.accounts.service import AddressTaken
from webapp.accounts.sessions import known_devices, lockout, reauthentication
from webapp.accounts.sessions import service as sessions
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.database import Database
from webapp.core.email_addresses import comparison_key
from webapp.core.errors import NotFound
from webapp.outbox import service as outbox
from webapp.settings.service import security

# Why a link is refused.
REFUSALS = (LinkRefused, AddressTaken)


@dataclass(frozen=True)
class LinkEffect:
    """What using a link would do: change the email address of this user from `current` to `new`."""

    user_id: int
    current: str
    new: str


def request(database: Database, user: User, email: str, password: str, user_session: UserSession) -> None:
    """Make this the user's pending address, and enqueue an email to it.

    Raises WrongPassword, SessionEnded, TooManyRequests.
    """
    reauthentication.check(database, user, user_session, password)
    with database.transaction() as session:
        user = reauthentication.lock_unchanged(session, user)
        discard(session, user.id)
        expires_at = clock.now() + links.CONFIRMATION_LIFETIME
        change = AddressChange(user_id=user.id, email=email, expires_at=expires_at)
        session.add(change)
        _enqueue_confirmation(session, change, user)
        audit.record(session, audit_events.ADDRESS_CHANGE_REQUESTED, user)


def resend(session: Session, user_id: int) -> AddressChange:
    """Enqueue another email to the pending address. Raises NotFound, TooManyRequests."""
    user = service.get_user(session, user_id, lock=True)
    change = find_pending(session, user_id)
    if change is None:
        raise NotFound
    change.expires_at = clock.now() + links.CONFIRMATION_LIFETIME
    _enqueue_confirmation(session, change, user)
    return change


def cancel(session: Session, user_id: int) -> None:
    """Keep the current address; links to confirm another one become invalid. Raises NotFound."""
    user = service.get_user(session, user_id, lock=True)
    if find_pending(session, user_id) is not None:
        discard(session, user_id)
        audit.record(session, audit_events.ADDRESS_CHANGE_CANCELLED, user)


def find_pending(session: Session, user_id: int) -> AddressChange | None:
    """Return the user's pending address, if it has not expired."""
    pending = select(AddressChange).where(AddressChange.user_id == user_id, AddressChange.expires_at > clock.now())
    return session.scalar(pending)


def discard(session: Session, user_id: int) -> None:
    """Delete the pending address of a locked user, and revoke the links that would confirm it."""
    session.execute(delete(AddressChange).where(AddressChange.user_id == user_id))
    links.revoke(session, user_id, LinkPurpose.CONFIRM_ADDRESS)


def link_effect(session: Session, secret: str, purpose: LinkPurpose) -> LinkEffect:
    """Return what using the link would do. Raises LinkRefused, AddressTaken."""
    link = links.find(session, secret, purpose)
    user = _active_user(session, link)
    links.check(link)
    email = link.email or ""
    owner = service.find_by_email(session, email)
    if owner and owner.id != user.id:
        raise AddressTaken
    return LinkEffect(user.id, user.email, email)


def confirm(session: Session, secret: str) -> User:
    """Use the link from the email to the new address: the account gets this address.

    The old address is notified and can undo the change. It is not if the user takes back an address that an
    earlier change took from them: the address in between may be a thief's, who would be sent the account.
    Raises LinkRefused, AddressTaken; the caller's transaction must then be rolled back.
    """
    link = links.use(session, secret, LinkPurpose.CONFIRM_ADDRESS)
    user = _active_user(session, link)
    old, new = user.email, link.email or ""
    undo_until = _undo_deadline(session, user, new)
    service.assign_email(session, user, new)
    # Links that undo a change stay valid: a thief could otherwise change the address twice.
    links.revoke(session, user.id, LinkPurpose.RESET)
    discard(session, user.id)
    if undo_until is None:
        _enqueue_notification(session, user, old)
    else:
        _record_undone(session, user, undo_until)
    audit.record(session, audit_events.ADDRESS_CHANGED, user)
    return user


def restore(session: Session, secret: str) -> tuple[User, str]:
    """Use the link from the email to the old address: the account gets it back, and all its sessions end.

    The password is removed, because the person who changed the address knew it; the second value returned is the
    secret of a reset link.
    Raises LinkRefused, AddressTaken; the caller's transaction must then be rolled back.
    """
    link = links.use(session, secret, LinkPurpose.RESTORE_ADDRESS)
    user = _active_user(session, link)
    service.assign_email(session, user, link.email or "")
    sessions.end_all(session, user.id)
    known_devices.forget_all(session, user.id)
    policy.add_to_history(session, user.id)
    user.password_hash, user.password_changed_at = None, clock.now()
    discard(session, user.id)
    links.revoke(session, user.id, LinkPurpose.ACTIVATION, LinkPurpose.RESET)
    _revoke_later_undo_links(session, link)
    lockout.clear(session, user)
    audit.record(session, audit_events.ADDRESS_CHANGE_UNDONE, user)
    return user, links.create(session, user, LinkPurpose.RESET, clock.now() + security(session).reset_lifetime)


def is_undone(session: Session, user_id: int, email: str, changed_at: datetime, undo_until: datetime) -> bool:
    """Return whether the change that took this address away, or an earlier one, was undone since `changed_at`."""
    same = and_(Link.expires_at == undo_until, Link.email == email)
    used = select(Link.id).where(
        Link.user_id == user_id,
        Link.purpose == LinkPurpose.RESTORE_ADDRESS,
        Link.used_at >= changed_at,
        or_(Link.expires_at < undo_until, same),
    )
    return session.scalar(used.limit(1)) is not None


def _enqueue_confirmation(session: Session, change: AddressChange, user: User) -> None:
    if throttles.allow_confirmation(session, user, change.email):
        outbox.enqueue(session, "confirm_address", change.email, user_id=user.id, expires_at=change.expires_at)


def _enqueue_notification(session: Session, user: User, old: str) -> None:
    """Enqueue the email to the old address, whose link undoes the change."""
    outbox.enqueue(
        session,
        "address_changed",
        old,
        user_id=user.id,
        data={"new_email": user.email, **notifications.request_origin()},
        expires_at=clock.now() + links.RESTORE_LIFETIME,
    )


def _active_user(session: Session, link: Link) -> User:
    user = links.get_user(session, link)
    if user.state != UserState.ACTIVE:
        raise AccountDisabled
    return user


def _undo_deadline(session: Session, user: User, email: str) -> datetime | None:
    """Return until when a change that took this address from the user can be undone, if it can.

    It can be undone with an open link, and with one that a queued email will bring. The latest deadline counts.
    """
    own = (Link.user_id == user.id, Link.purpose == LinkPurpose.RESTORE_ADDRESS, Link.expires_at > clock.now())
    open_links = session.scalars(select(Link).where(*own, *links.OPEN))
    deadlines = [(link.email or "", link.expires_at) for link in open_links]
    for message in outbox.undelivered(session, "address_changed", user.id):
        if not is_undone(session, user.id, message.recipient, message.created_at, message.deadline):
            deadlines.append((message.recipient, message.deadline))
    return max((until for old, until in deadlines if comparison_key(old) == comparison_key(email)), default=None)


def _record_undone(session: Session, user: User, undo_until: datetime) -> None:
    """Undo a change as its own link would, because the user confirmed the address that it took away.

    A used link records this, for the emails that are still queued.
    """
    secret = links.create(session, user, LinkPurpose.RESTORE_ADDRESS, undo_until, user.email)
    _revoke_later_undo_links(session, links.use(session, secret, LinkPurpose.RESTORE_ADDRESS))


def _revoke_later_undo_links(session: Session, used: Link) -> None:
    """Revoke the links that undo changes made after the one that `used` undid.

    Earlier changes can still be undone: a thief could change the address twice and undo the second change only.
    All can be undone for equally long, so their order follows from the expiry.
    """
    own = (Link.user_id == used.user_id, Link.purpose == LinkPurpose.RESTORE_ADDRESS)
    # An address that only compares as equal can be another mailbox, so its link stays.
    same = and_(Link.expires_at == used.expires_at, Link.email == used.email)
    later = or_(Link.expires_at > used.expires_at, same)
    session.execute(update(Link).where(*own, later, *links.OPEN).values(revoked_at=clock.now()))
