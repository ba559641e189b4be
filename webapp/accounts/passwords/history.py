"""Passwords that a person had before, for the rule that they may not come back. Their hashes are all that is kept."""

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from webapp.accounts import throttles
from webapp.accounts.models import PasswordHistoryEntry, User
from webapp.accounts.passwords import hashing
from webapp.accounts.passwords.policy import PasswordRejected
from webapp.core import clock
from webapp.core.database import Database
from webapp.core.i18n import lazy_gettext as _
from webapp.settings.service import security


def add_to_history(session: Session, user_id: int) -> None:
    """Keep the present password among the former ones, as many as may not come back, before it is replaced."""
    number = security(session).password_history_length
    present = session.scalar(select(User.password_hash).where(User.id == user_id))
    if number and present:
        session.add(PasswordHistoryEntry(user_id=user_id, password_hash=present, replaced_at=clock.now()))
        session.flush()
    kept = _newest(user_id, number)
    session.execute(
        delete(PasswordHistoryEntry).where(
            PasswordHistoryEntry.user_id == user_id, PasswordHistoryEntry.id.not_in(kept)
        )
    )


def require_not_reused(database: Database, person: User, password: str) -> None:
    """Whether the person may have this password as far as earlier ones go. Raises BadPassword, TooManyRequests.

    Takes as long as signing in for each of them; no transaction is open meanwhile.
    """
    barred = _barred(database, person)
    if barred:
        with database.transaction() as session:
            throttles.count_new_password(session, person)
    if any(hashing.verify(password, kept) for kept in barred):
        raise PasswordRejected(_("You've used this password before. Choose a different one."))


def _barred(database: Database, person: User) -> list[str]:
    """The present password and those before it, if any may not come back."""
    with database.read() as session:
        number = security(session).password_history_length
        if not number:
            return []
        former = select(PasswordHistoryEntry.password_hash).where(
            PasswordHistoryEntry.id.in_(_newest(person.id, number))
        )
        return [*filter(None, [person.password_hash]), *session.scalars(former)]


def _newest(user_id: int, number: int) -> Select[int]:
    mine = select(PasswordHistoryEntry.id).where(PasswordHistoryEntry.user_id == user_id)
    return mine.order_by(PasswordHistoryEntry.id.desc()).limit(number)
