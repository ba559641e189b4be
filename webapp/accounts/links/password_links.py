"""Links with which a password is chosen, for the first time or after it was forgotten: owed, used, refused."""

from contextlib import suppress

from sqlalchemy.orm import Session

from webapp import clock
from webapp.accounts import address_changes, notices, tries
from webapp.accounts.addresses import checked
from webapp.accounts.links import service as links
from webapp.accounts.links.service import LinkRefused, LinkUnknown
from webapp.accounts.models import Link, Purpose, Status, User
from webapp.accounts.passwords import former as former_passwords
from webapp.accounts.sign_ins import known_devices, locks
from webapp.accounts.sign_ins import service as sign_ins
from webapp.accounts.sign_ins.service import Client
from webapp.audit import service as audit
from webapp.audit.events import Event
from webapp.errors import Failure, TooManyRequests
from webapp.outbox import service as outbox
from webapp.outbox.queue import Queue
from webapp.settings.security import security
from webapp.texts import lazy_gettext as _


class NoActivation(Failure):
    """The account is in no state to be activated; the text says why."""


class AlreadyActive(NoActivation):
    """It was activated before."""

    def __init__(self) -> None:
        super().__init__(_("This account is active already."))


class AccountDisabled(NoActivation):
    """An administrator disabled it."""

    def __init__(self) -> None:
        super().__init__(_("This account is disabled. Only an administrator can change that."))


# Why a link does not do what it was for.
REFUSED = (LinkRefused, NoActivation)


def owe_activation(session: Session, queue: Queue, pending: User, limited: bool = True) -> None:
    """Owe a pending person an activation mail, at most one in five minutes.

    Raises AlreadyActive, AccountDisabled, TooManyRequests.
    """
    _require(pending, Status.PENDING)
    if limited:
        tries.activation_mail(session, pending)
    expires_at = clock.now() + security(session).activation_lifetime
    outbox.owe(session, queue, "activation", pending.email, user_id=pending.id, expires_at=expires_at)
    audit.record(session, Event.ACTIVATION_OWED, pending)


def owe_activation_again(session: Session, queue: Queue, secret: str, limited: bool) -> None:
    """Owe a new activation mail to the person of this link, if there is one who still waits for it."""
    try:
        person = links.whose(session, links.find(session, secret, Purpose.ACTIVATION))
    except LinkUnknown:
        return
    with suppress(NoActivation, TooManyRequests):
        owe_activation(session, queue, person, limited)


def owner(session: Session, secret: str, purpose: Purpose) -> User:
    """Whose link this is, while it can be used. Raises LinkRefused, AlreadyActive, AccountDisabled."""
    link = links.find(session, secret, purpose)
    found = links.whose(session, link)
    if found.status != Status.DISABLED:
        links.check(link)
    _require(found, Status.PENDING if purpose == Purpose.ACTIVATION else Status.ACTIVE)
    return found


def activate(session: Session, queue: Queue, secret: str, password_hash: str, language: str = "") -> User:
    """Spend an activation link: the account is active, with this password, and has this language if it had none.

    Raises LinkRefused, AlreadyActive, AccountDisabled; the caller's transaction must then be undone.
    """
    link = links.spend(session, secret, Purpose.ACTIVATION)
    person = _give_password(session, link, Status.PENDING, password_hash)
    person.status, person.activated_at = Status.ACTIVE, person.password_changed_at
    person.language = person.language or language or None
    outbox.owe(session, queue, "activated", person.email, user_id=person.id, facts=notices.from_where())
    audit.record(session, Event.ACTIVATED, person)
    return person


def request_reset(session: Session, queue: Queue, email: str, client: Client, limited: bool = True) -> None:
    """Owe a reset mail to this address, at most one in five minutes. Raises BadAddress, TooManyRequests.

    Whether it is anybody's address is asked on delivery, so that the answer, and the time it
    takes, are the same for all.
    """
    address = checked(email)
    if limited:
        tries.forgot_password(session, client.address)
        if not tries.reset_mail_allowed(session, address):
            return
    outbox.owe(session, queue, "reset", address, expires_at=clock.now() + security(session).reset_lifetime)
    audit.record(session, Event.RESET_ASKED, address=address)


def reset_password(session: Session, queue: Queue, secret: str, password_hash: str) -> User:
    """Spend a reset link: the account has this password, is signed out everywhere and knows no device.

    Raises LinkRefused, AccountDisabled; the caller's transaction must then be undone.
    """
    link = links.spend(session, secret, Purpose.RESET)
    former_passwords.keep(session, link.user_id)
    person = _give_password(session, link, Status.ACTIVE, password_hash)
    sign_ins.end_all(session, person.id)
    known_devices.forget_all(session, person.id)
    address_changes.forget(session, person.id)
    # Failing tries, one's own or another's, are no reason to wait with the new password.
    locks.lift(session, person)
    notices.password_changed(session, queue, person, by_link=True)
    audit.record(session, Event.RESET_DONE, person)
    return person


def _require(person: User, status: Status) -> None:
    if person.status == Status.DISABLED:
        raise AccountDisabled
    if person.status != status:
        raise AlreadyActive


def _give_password(session: Session, link: Link, status: Status, password_hash: str) -> User:
    """Change the password of the link's person, if they are in this state; the other links lose their use."""
    person = links.whose(session, link)
    _require(person, status)
    person.password_hash, person.password_changed_at = password_hash, clock.now()
    links.revoke(session, person.id, Purpose(link.purpose))
    return person
