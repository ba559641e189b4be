"""Look-ups of users, and the changes that several packages of accounts make to one."""

from flask_babel import lazy_gettext as _
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.accounts import audit_events
from webapp.accounts.models import Role, User, searchable
from webapp.audit import service as audit
from webapp.core.database import MAX_ID
from webapp.core.email_addresses import comparison_key
from webapp.core.errors import MailroomError, NotFound

ADMINISTRATOR = select(User.id).where(User.role == Role.ADMINISTRATOR).limit(1)
# There is none until somebody besides the first administrator has an account.
SECOND_USER = select(User.id).limit(1).offset(1)


class AddressTaken(MailroomError):
    """Another account has this address."""

    code = "address_taken"
    # Of the page behind a link that cannot be used because of this.
    status = 409

    def __init__(self) -> None:
        super().__init__(_("An account with this address already exists."))


def has_administrator(connection: Session | Connection) -> bool:
    """Return whether there is an administrator, in any state."""
    return connection.scalar(ADMINISTRATOR) is not None


def find_by_email(session: Session, email: str, lock: bool = False) -> User | None:
    """Find the user with this address, in any spelling; `lock` keeps it theirs until the transaction ends."""
    statement = select(User).where(User.email_key == comparison_key(email))
    return session.scalar(statement.with_for_update() if lock else statement)


def find_user_id(session: Session, email: str) -> int | None:
    """Find the id of the user who has this email address."""
    user = find_by_email(session, email)
    return user.id if user else None


def get_user(session: Session, user_id: int, lock: bool = False) -> User:
    """Return the user with this id; `lock` reads the row anew and locks it. Raises NotFound."""
    if not 0 < user_id <= MAX_ID:
        raise NotFound
    user = session.get(User, user_id, populate_existing=lock, with_for_update=lock or None)
    if user is None:
        raise NotFound
    return user


def rename(session: Session, user: User, name: str) -> None:
    """Change the name of a locked user."""
    if name == user.name:
        return
    user.name, user.search_text = name, searchable(name, user.email)
    audit.record(session, audit_events.NAME_CHANGED, user)


def change_language(session: Session, user: User, language: str) -> None:
    """Change the language of a locked user's pages and emails; empty means the browser's."""
    if user.language == (language or None):
        return
    user.language = language or None
    audit.record(session, audit_events.LANGUAGE_CHANGED, user, language=language)


def assign_email(session: Session, user: User, email: str) -> None:
    """Change the email address of a locked user. Raises AddressTaken."""
    user.email, user.email_key = email, comparison_key(email)
    user.search_text = searchable(user.name, email)
    flush_address(session)


def flush_address(session: Session) -> None:
    """Write a user with a new email address to the database. Raises AddressTaken."""
    try:
        session.flush()
    except IntegrityError as error:
        raise AddressTaken from error
