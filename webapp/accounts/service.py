"""What happens to accounts: created, activated, reset."""

from contextlib import suppress
from unicodedata import normalize

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp import clock
from webapp.accounts import address_changes, notices, tries
from webapp.accounts.addresses import address_key, checked
from webapp.accounts.links import service as links
from webapp.accounts.links.service import LinkExpired, LinkRefused, LinkUnknown, LinkUsed
from webapp.accounts.models import Link, Purpose, Role, Status, User, searchable
from webapp.accounts.passwords import former as former_passwords
from webapp.accounts.sign_ins import known_devices, locks
from webapp.accounts.sign_ins import service as sign_ins
from webapp.accounts.sign_ins.service import Client
from webapp.audit import service as audit
from webapp.audit.events import Event
from webapp.database import LARGEST_ID, Database
from webapp.errors import Failure, NotFound, TooManyRequests
from webapp.outbox import service as outbox
from webapp.outbox.queue import Queue
from webapp.settings.security import security
from webapp.texts import lazy_gettext as _

PAGE = 50
_SECOND_PERSON = select(User.id).limit(1).offset(1)


class AddressTaken(Failure):
    """Another account has this address."""

    def __init__(self) -> None:
        super().__init__(_("There is an account with this address already."))


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


def has_administrator(session: Session) -> bool:
    """Whether there is anybody to set Mailroom up."""
    return session.scalar(select(User.id).where(User.role == Role.ADMINISTRATOR).limit(1)) is not None


def has_people(database: Database) -> bool:
    """Whether there is anybody besides the first administrator."""
    return database.glance(_SECOND_PERSON) is not None


def by_email(session: Session, email: str, locked: bool = False) -> User | None:
    """The person with this address, however it is written; if `locked`, it stays theirs until the commit."""
    wanted = select(User).where(User.email_key == address_key(email))
    return session.scalar(wanted.with_for_update() if locked else wanted)


def user(session: Session, user_id: int, lock: bool = False) -> User:
    """The person with this id; with `lock`, nobody else changes them until the transaction ends. Raises NotFound."""
    if not 0 < user_id <= LARGEST_ID:
        raise NotFound
    found = session.get(User, user_id, populate_existing=lock, with_for_update=lock or None)
    if found is None:
        raise NotFound
    return found


def page_of_users(session: Session, search: str, before: int | None) -> tuple[list[User], bool]:
    """The newest 50 whose name or address contains every word of `search`, and whether there are older ones.

    The whole address of somebody finds that person alone. `before` is the id at which the page before ended.
    """
    if "@" in search and (owner := by_email(session, search)) is not None:
        # A whole address is found at once, however many people there are; parts of one are not.
        return [owner] if before is None else [], False
    statement = select(User).order_by(User.id.desc()).limit(PAGE + 1)
    for word in normalize("NFC", search).casefold().split():
        statement = statement.where(User.search_text.contains(word, autoescape=True))
    if before is not None:
        statement = statement.where(User.id < max(0, min(before, LARGEST_ID)))
    found = list(session.scalars(statement))
    return found[:PAGE], len(found) > PAGE


def create_user(
    session: Session, queue: Queue, *, email: str, name: str, role: Role, send_activation: bool, language: str = ""
) -> User:
    """Add a person, pending, and owe them the activation mail if it is wanted. Raises BadAddress, AddressTaken."""
    created = _add(session, email, name, role, Status.PENDING)
    created.language = language or None
    audit.record(session, Event.USER_CREATED, created, role=str(role))
    if send_activation:
        owe_activation(session, queue, created)
    return created


def create_administrator(session: Session, email: str, name: str, password_hash: str) -> User:
    """Add an administrator who can sign in at once. Raises BadAddress, AddressTaken."""
    created = _add(session, email, name, Role.ADMINISTRATOR, Status.ACTIVE)
    created.password_hash = password_hash
    created.activated_at = created.password_changed_at = created.created_at
    return created


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


def next_step(purpose: Purpose, refused: Failure) -> str:
    """What helps when a link was refused: a step that the page knows or, if nothing does, empty."""
    if isinstance(refused, AccountDisabled):
        return ""
    if isinstance(refused, AddressTaken):
        return "taken"
    if purpose in (Purpose.CONFIRM_ADDRESS, Purpose.RESTORE_ADDRESS):
        return "profile"
    if isinstance(refused, LinkUsed | AlreadyActive):
        return "sign_in"
    if purpose == Purpose.RESET or isinstance(refused, LinkUnknown):
        return "forgot_password"
    return "again" if isinstance(refused, LinkExpired) else "sign_in"


def owe_activation_again(session: Session, queue: Queue, secret: str, limited: bool) -> None:
    """Owe a new activation mail to the person of this link, if there is one who still waits for it."""
    try:
        person = links.whose(session, links.find(session, secret, Purpose.ACTIVATION))
    except LinkUnknown:
        return
    with suppress(NoActivation, TooManyRequests):
        owe_activation(session, queue, person, limited)


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


def rename(session: Session, person: User, name: str) -> None:
    """Give a person, who is locked, this name."""
    person.name, person.search_text = name, searchable(name, person.email)
    audit.record(session, Event.RENAMED, person)


def _add(session: Session, email: str, name: str, role: Role, status: Status) -> User:
    address = checked(email)
    added = User(
        email=address,
        email_key=address_key(address),
        name=name,
        role=role,
        status=status,
        created_at=clock.now(),
    )
    session.add(added)
    try:
        session.flush()
    except IntegrityError as error:
        raise AddressTaken from error
    return added


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
