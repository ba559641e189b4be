"""A new e-mail address: asked for with the password, confirmed by mail, undone from the old address.

Asking answers the same, after the same work, whether the new address is free or not: it is not
looked up, so a person who is signed in cannot find out who else has an account. Whoever opens the
mailed link reads mail at that address, and may be told that it has an account already.
"""

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.accounts import events, notifications, throttles
from webapp.accounts.address_changes import pending
from webapp.accounts.links import service as links
from webapp.accounts.models import AddressChange, Link, LinkPurpose, User, UserState, searchable
from webapp.accounts.models import Session as SignIn
from webapp.accounts.password_links.service import AccountDisabled
from webapp.accounts.passwords import history as former_passwords
from webapp.accounts.profile.service import unchanged
from webapp.accounts.service import AddressTaken, find_by_email, get_user
from webapp.accounts.sessions import known_devices, lockout, reauthentication
from webapp.accounts.sessions import service as sign_ins
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.database import Database
from webapp.core.email_addresses import comparison_key
from webapp.core.errors import NotFound
from webapp.outbox import service as outbox
from webapp.settings.security import security

# Why a link does not do what it was for.
REFUSED = (links.LinkRefused, AccountDisabled, AddressTaken)


@dataclass(frozen=True)
class PendingChange:
    """What a link would do: the account with the address `present` gets the address `new`."""

    present: str
    new: str


def request(
    database: Database,
    person: User,
    email: str,
    password: str,
    sign_in: SignIn,
) -> None:
    """Have this address wait, in place of any other, and owe it a mail.

    Raises WrongPassword, SignInEnded, TooManyRequests.
    """
    reauthentication.check(database, person, sign_in, password)
    with database.transaction() as session:
        present = unchanged(session, person)
        _owe_confirmation(session, pending.request(session, present.id, email), present)
        audit.record(session, events.ADDRESS_CHANGE_REQUESTED, present)


def send_again(session: Session, user_id: int) -> AddressChange:
    """Owe the address that waits another mail. Raises NotFound, TooManyRequests."""
    person = get_user(session, user_id, lock=True)
    change = pending.find_pending(session, user_id)
    if change is None:
        raise NotFound
    change.expires_at = clock.now() + links.CONFIRMATION_LIFETIME
    _owe_confirmation(session, change, person)
    return change


def cancel(session: Session, user_id: int) -> None:
    """Keep the address of now; the mailed links do nothing any more. Raises NotFound."""
    person = get_user(session, user_id, lock=True)
    if pending.find_pending(session, user_id) is not None:
        pending.discard(session, user_id)
        audit.record(session, events.ADDRESS_CHANGE_CANCELLED, person)


def find_pending(session: Session, secret: str, purpose: LinkPurpose) -> PendingChange:
    """What would change. Raises LinkRefused, AccountDisabled, AddressTaken."""
    link = links.find(session, secret, purpose)
    person = _owner(session, link)
    links.check(link)
    if (holder := find_by_email(session, link.email or "")) and holder.id != person.id:
        raise AddressTaken
    return PendingChange(person.email, link.email or "")


def confirm(session: Session, secret: str) -> User:
    """Spend the link in the mail to the new address: the person has it from now on.

    The old address is told, and may undo it. Not so if the person takes an address back that a change
    took from them: the address in between may be a thief's, who would be mailed the account.
    Raises LinkRefused, AccountDisabled, AddressTaken; the caller's transaction must then be undone.
    """
    link = links.use(session, secret, LinkPurpose.CONFIRM_ADDRESS)
    person = _owner(session, link)
    old, until = person.email, pending.taken_until(session, person, link.email or "")
    _assign(session, person, link)
    # Those that restore an address live on: whoever stole an account could change it twice.
    links.revoke(session, person.id, LinkPurpose.RESET)
    pending.discard(session, person.id)
    if until is None:
        _tell(session, old, person)
    else:
        pending.restore(session, person, until)
    audit.record(session, events.ADDRESS_CHANGED, person)
    return person


def restore(session: Session, secret: str, token: str = "") -> tuple[User, str]:
    """Spend the link in the mail to the old address: the person has it again, and is signed out everywhere.

    So is whoever was signed in with this browser, whose token is `token`, perhaps somebody else.
    Also returns the secret of a reset link, since whoever changed the address knew the password:
    it lets nobody in any more.
    Raises LinkRefused, AccountDisabled, AddressTaken; the caller's transaction must then be undone.
    """
    link = links.use(session, secret, LinkPurpose.RESTORE_ADDRESS)
    person = _owner(session, link)
    _assign(session, person, link)
    sign_ins.end_all(session, person.id)
    sign_ins.end(session, token)
    known_devices.forget_all(session, person.id)
    former_passwords.add_to_history(session, person.id)
    # It would let them in again until the person has chosen another one.
    person.password_hash, person.password_changed_at = None, clock.now()
    pending.discard(session, person.id)
    links.revoke(session, person.id, LinkPurpose.ACTIVATION, LinkPurpose.RESET)
    pending.undone(session, link)
    lockout.clear(session, person)
    audit.record(session, events.ADDRESS_CHANGE_UNDONE, person)
    return person, links.create(session, person, LinkPurpose.RESET, clock.now() + security(session).reset_lifetime)


def _owe_confirmation(session: Session, change: AddressChange, person: User) -> None:
    when = throttles.schedule_confirmation(session, person, change.email)
    if when is None:
        # So many ask for this address that its mailbox is spared; nobody is told, as it would tell of them.
        return
    outbox.enqueue(
        session,
        "confirm_address",
        change.email,
        user_id=person.id,
        expires_at=change.expires_at,
        not_before=when,
    )


def _tell(session: Session, old: str, person: User) -> None:
    """Owe the old address the news, with a link that brings it back."""
    outbox.enqueue(
        session,
        "address_changed",
        old,
        user_id=person.id,
        data={"address": person.email, **notifications.request_origin()},
        expires_at=clock.now() + links.RESTORE_LIFETIME,
    )


def _owner(session: Session, link: Link) -> User:
    person = links.get_user(session, link)
    if person.state != UserState.ACTIVE:
        raise AccountDisabled
    return person


def _assign(session: Session, person: User, link: Link) -> None:
    """Change the address to the link's. Raises AddressTaken."""
    address = link.email or ""
    person.email, person.email_key = address, comparison_key(address)
    person.search_text = searchable(person.name, address)
    try:
        session.flush()
    except IntegrityError as error:
        raise AddressTaken from error
