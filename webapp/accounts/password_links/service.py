"""Links with which a password is chosen, for the first time or after it was forgotten: owed, used, refused."""

from contextlib import suppress

from sqlalchemy.orm import Session

from webapp.accounts import events, notifications, throttles
from webapp.accounts.address_changes import service as address_changes
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import AccountDisabled, AlreadyActive, LinkNotFound, LinkRefused, WrongState
from webapp.accounts.models import Link, LinkPurpose, User, UserState
from webapp.accounts.passwords import policy
from webapp.accounts.sessions import known_devices, lockout
from webapp.accounts.sessions import service as sign_ins
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.email_addresses import validate
from webapp.core.errors import TooManyRequests
from webapp.outbox import service as outbox
from webapp.settings.service import security
from webapp.web.client import Client

# Why a link does not do what it was for.
REFUSED = (LinkRefused, WrongState)


def enqueue_activation(session: Session, pending: User) -> None:
    """Owe a pending person an activation mail, at most one in five minutes.

    Raises AlreadyActive, AccountDisabled, TooManyRequests.
    """
    _require(pending, UserState.PENDING)
    throttles.count_activation_email(session, pending)
    expires_at = clock.now() + security(session).activation_lifetime
    outbox.enqueue(session, "activation", pending.email, user_id=pending.id, expires_at=expires_at)
    audit.record(session, events.ACTIVATION_REQUESTED, pending)


def renew_activation(session: Session, secret: str) -> None:
    """Owe a new activation mail to the person of this link, if there is one who still waits for it."""
    try:
        person = links.get_user(session, links.find(session, secret, LinkPurpose.ACTIVATION))
    except LinkNotFound:
        return
    with suppress(WrongState, TooManyRequests):
        enqueue_activation(session, person)


def find_user(session: Session, secret: str, purpose: LinkPurpose) -> User:
    """Whose link this is, while it can be used. Raises LinkRefused, AlreadyActive, AccountDisabled."""
    link = links.find(session, secret, purpose)
    found = links.get_user(session, link)
    if found.state != UserState.DISABLED:
        links.check(link)
    _require(found, UserState.PENDING if purpose == LinkPurpose.ACTIVATION else UserState.ACTIVE)
    return found


def activate(session: Session, secret: str, password_hash: str, language: str = "") -> User:
    """Spend an activation link: the account is active, with this password, and has this language if it had none.

    Raises LinkRefused, AlreadyActive, AccountDisabled; the caller's transaction must then be undone.
    """
    link = links.use(session, secret, LinkPurpose.ACTIVATION)
    person = _give_password(session, link, UserState.PENDING, password_hash)
    person.state, person.activated_at = UserState.ACTIVE, person.password_changed_at
    person.language = person.language or language or None
    outbox.enqueue(session, "activated", person.email, user_id=person.id, data=notifications.request_origin())
    audit.record(session, events.USER_ACTIVATED, person)
    return person


def request_reset(session: Session, email: str, client: Client) -> None:
    """Owe a reset mail to this address, at most one in five minutes. Raises BadAddress, TooManyRequests.

    Whether it is anybody's address is asked on delivery, so that the answer, and the time it
    takes, are the same for all.
    """
    address = validate(email)
    throttles.count_reset_request(session, client.ip_address)
    if not throttles.allow_reset_email(session, address):
        return
    outbox.enqueue(session, "reset", address, expires_at=clock.now() + security(session).reset_lifetime)
    audit.record(session, events.RESET_REQUESTED, email=address)


def complete_reset(session: Session, secret: str, password_hash: str) -> User:
    """Spend a reset link: the account has this password, is signed out everywhere and knows no device.

    Raises LinkRefused, AccountDisabled; the caller's transaction must then be undone.
    """
    link = links.use(session, secret, LinkPurpose.RESET)
    policy.add_to_history(session, link.user_id)
    person = _give_password(session, link, UserState.ACTIVE, password_hash)
    sign_ins.end_all(session, person.id)
    known_devices.forget_all(session, person.id)
    address_changes.discard(session, person.id)
    # Failing tries, one's own or another's, are no reason to wait with the new password.
    lockout.clear(session, person)
    notifications.notify_password_changed(session, person, by_link=True)
    audit.record(session, events.RESET_COMPLETED, person)
    return person


def _require(person: User, state: UserState) -> None:
    if person.state == UserState.DISABLED:
        raise AccountDisabled
    if person.state != state:
        raise AlreadyActive


def _give_password(session: Session, link: Link, state: UserState, password_hash: str) -> User:
    """Change the password of the link's person, if they are in this state; the other links lose their use."""
    person = links.get_user(session, link)
    _require(person, state)
    person.password_hash, person.password_changed_at = password_hash, clock.now()
    links.revoke(session, person.id, LinkPurpose(link.purpose))
    return person
