"""The passwords that a person had: as many hashes as the settings bar."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp import clock
from webapp.accounts.models import FormerPassword, User
from webapp.settings.security import security


def barred(session: Session, person: User) -> tuple[str, ...]:
    """The hashes of what the person may not choose again, the present password among them; the latest first."""
    most = security(session).password_former
    before = select(FormerPassword.password_hash).where(FormerPassword.user_id == person.id)
    latest = session.scalars(before.order_by(FormerPassword.id.desc()).limit(most))
    return tuple(kept for kept in (person.password_hash, *latest) if kept)[:most]


def remember(session: Session, person: User) -> None:
    """Keep the present password, which is about to be replaced, and forget those that are not barred any more."""
    most = security(session).password_former
    mine = FormerPassword.user_id == person.id
    if person.password_hash:
        session.add(FormerPassword(user_id=person.id, password_hash=person.password_hash, replaced_at=clock.now()))
        session.flush()
    latest = select(FormerPassword.id).where(mine).order_by(FormerPassword.id.desc()).limit(most)
    kept = list(session.scalars(latest))
    session.execute(delete(FormerPassword).where(mine, FormerPassword.id.not_in(kept)))
