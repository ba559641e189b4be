"""Accounts: created, found, listed, renamed."""

from unicodedata import normalize

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.accounts import events
from webapp.accounts.models import Role, User, UserState, searchable
from webapp.accounts.password_links import service as password_links
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.database import MAX_ID, Database
from webapp.core.email_addresses import comparison_key, validate
from webapp.core.errors import MailroomError, NotFound
from webapp.core.texts import lazy_gettext as _

PAGE_SIZE = 50
_SECOND_PERSON = select(User.id).limit(1).offset(1)


class AddressTaken(MailroomError):
    """Another account has this address."""

    def __init__(self) -> None:
        super().__init__(_("An account with this address already exists."))


def has_administrator(session: Session) -> bool:
    """Whether there is anybody to set Mailroom up."""
    return session.scalar(select(User.id).where(User.role == Role.ADMINISTRATOR).limit(1)) is not None


def has_users(database: Database) -> bool:
    """Whether there is anybody besides the first administrator."""
    return database.glance(_SECOND_PERSON) is not None


def find_by_email(session: Session, email: str, lock: bool = False) -> User | None:
    """The person with this address, however it is written; with `lock`, it stays theirs until the transaction ends."""
    wanted = select(User).where(User.email_key == comparison_key(email))
    return session.scalar(wanted.with_for_update() if lock else wanted)


def find_user_id(session: Session, email: str) -> int | None:
    """Find the id of the user who has this email address."""
    user = find_by_email(session, email)
    return user.id if user else None


def get_user(session: Session, user_id: int, lock: bool = False) -> User:
    """The person with this id; with `lock`, nobody else changes them until the transaction ends. Raises NotFound."""
    if not 0 < user_id <= MAX_ID:
        raise NotFound
    found = session.get(User, user_id, populate_existing=lock, with_for_update=lock or None)
    if found is None:
        raise NotFound
    return found


def list_users(session: Session, search: str, before: int | None) -> tuple[list[User], bool]:
    """The newest 50 whose name or address contains every word of `search`, and whether there are older ones.

    The whole address of somebody finds that person alone. `before` is the id at which the page before ended.
    """
    if "@" in search and (owner := find_by_email(session, search)) is not None:
        # A whole address is found at once, however many people there are; parts of one are not.
        return [owner] if before is None else [], False
    statement = select(User).order_by(User.id.desc()).limit(PAGE_SIZE + 1)
    for word in normalize("NFC", search).casefold().split():
        statement = statement.where(User.search_text.contains(word, autoescape=True))
    if before is not None:
        statement = statement.where(User.id < max(0, min(before, MAX_ID)))
    found = list(session.scalars(statement))
    return found[:PAGE_SIZE], len(found) > PAGE_SIZE


def create_user(
    session: Session,
    *,
    email: str,
    name: str,
    role: Role,
    send_activation: bool,
    language: str = "",
) -> User:
    """Add a person, pending, and owe them the activation mail if it is wanted. Raises BadAddress, AddressTaken."""
    created = _add(session, email, name, role, UserState.PENDING)
    created.language = language or None
    audit.record(session, events.USER_CREATED, created, role=str(role))
    if send_activation:
        password_links.enqueue_activation(session, created)
    return created


def create_administrator(session: Session, email: str, name: str, password_hash: str) -> User:
    """Add an administrator who can sign in at once. Raises BadAddress, AddressTaken."""
    created = _add(session, email, name, Role.ADMINISTRATOR, UserState.ACTIVE)
    created.password_hash = password_hash
    created.activated_at = created.password_changed_at = created.created_at
    return created


def rename(session: Session, person: User, name: str) -> None:
    """Give a person, who is locked, this name."""
    person.name, person.search_text = name, searchable(name, person.email)
    audit.record(session, events.NAME_CHANGED, person)


def _add(session: Session, email: str, name: str, role: Role, state: UserState) -> User:
    address = validate(email)
    added = User(
        email=address,
        email_key=comparison_key(address),
        name=name,
        role=role,
        state=state,
        created_at=clock.now(),
    )
    session.add(added)
    try:
        session.flush()
    except IntegrityError as error:
        raise AddressTaken from error
    return added
