"""What administrators do to accounts: disable, enable, delete, change the role, rename.

Locks are taken in one order, so that no two of these wait for each other: the administrators and the
account by their ids, its links, its sign-ins, its known devices. Using a link up and signing in lock the account
first, too.
"""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from webapp.accounts import events, service
from webapp.accounts.address_changes import pending as address_changes
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, Role, User, UserState
from webapp.accounts.sessions import lockout
from webapp.accounts.sessions import service as sign_ins
from webapp.audit import service as audit
from webapp.core.database import MAX_ID
from webapp.core.errors import MailroomError
from webapp.core.texts import lazy_gettext as _

_ADMINISTRATES = (User.role == Role.ADMINISTRATOR) & (User.state == UserState.ACTIVE)


class ActionRefused(MailroomError):
    """It would leave nobody, or oneself, without the right to undo it; the text says which."""


class LastAdministrator(ActionRefused):
    """Without this person nobody could administrate."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "This is the only active administrator, so it can't be disabled, deleted or made a member. "
                "Make someone else an administrator first."
            )
        )


class OwnAccount(ActionRefused):
    """One would lock oneself out."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "This is your own account. Only another administrator can disable or delete it, change its role, "
                "or create a link for it."
            )
        )


class NotAllowed(ActionRefused):
    """Whoever asked was disabled, deleted or made a member at the same moment."""

    def __init__(self) -> None:
        super().__init__(_("You are no longer an administrator."))


def disable(session: Session, user_id: int, by: User) -> None:
    """Keep the person out: signed out everywhere, open links are dead. Raises NotFound, Refused."""
    person = _taken(session, user_id, by)
    person.state = UserState.DISABLED
    session.flush()
    address_changes.discard(session, person.id)
    links.revoke(session, person.id, *LinkPurpose)
    sign_ins.end_all(session, person.id)
    audit.record(session, events.USER_DISABLED, person)


def enable(session: Session, user_id: int, by: User) -> None:
    """Let a disabled person in again, or wait for their activation as before. Raises NotFound, NotAllowed."""
    person = locked_for(session, user_id, by)
    if person.state != UserState.DISABLED:
        return
    # One may have been minted for a mail at the moment at which the account was disabled.
    links.revoke(session, user_id, *LinkPurpose)
    person.state = UserState.ACTIVE if person.activated_at else UserState.PENDING
    audit.record(session, events.USER_ENABLED, person)


def unlock(session: Session, user_id: int, by: User) -> None:
    """Let the person's address be tried anew at once, after wrong passwords. Raises NotFound, NotAllowed."""
    lockout.clear(session, locked_for(session, user_id, by))


def delete(session: Session, user_id: int, by: User) -> None:
    """Forget the person, with sign-ins, links and messages. Raises NotFound, Refused."""
    person = _taken(session, user_id, by)
    session.delete(person)
    audit.record(session, events.USER_DELETED, person)


def change_role(session: Session, user_id: int, role: Role, by: User) -> None:
    """Give the person another role, and sign them out everywhere. Raises NotFound, Refused."""
    person = locked_for(session, user_id, by) if role == Role.ADMINISTRATOR else _taken(session, user_id, by)
    if person.role != role:
        person.role = role
        session.flush()
        # It was made for somebody with other rights. An activation link is how a pending person gets in at all.
        links.revoke(session, person.id, LinkPurpose.RESET)
        sign_ins.end_all(session, person.id)
        audit.record(session, events.ROLE_CHANGED, person, role=str(role))


def end_sessions(session: Session, user_id: int, by: User) -> None:
    """End all sign-ins of the person, who can sign in again. Raises NotFound, NotAllowed."""
    person = locked_for(session, user_id, by)
    sign_ins.end_all(session, person.id)
    audit.record(session, events.ALL_SESSIONS_REVOKED, person)


def rename(session: Session, user_id: int, name: str, by: User) -> None:
    """Change the name. Raises NotFound, NotAllowed."""
    service.rename(session, locked_for(session, user_id, by), name)


def reason_not_deletable(session: Session, person: User, by: User) -> ActionRefused | None:
    """Why this person can be neither disabled nor deleted nor made a member, if so: for the page, before one asks."""
    try:
        _require_others(_active_administrators(session), person.id, by)
    except ActionRefused as refused:
        return refused
    return None


def locked_for(session: Session, user_id: int, by: User) -> User:
    """The person, locked, to whom an administrator gives something; `by` is one still. Raises NotFound, NotAllowed."""
    if by.id not in _locked_administrators(session, user_id):
        raise NotAllowed
    return service.get_user(session, user_id, lock=True)


def require_administrator(session: Session, by: User) -> None:
    """Whether `by` is an administrator still, and stays one until the commit. Raises NotAllowed."""
    if by.id not in _locked_administrators(session, by.id):
        raise NotAllowed


def _taken(session: Session, user_id: int, by: User) -> User:
    """The person, locked, whose rights may be taken away. Raises NotFound, Refused.

    Locking all active administrators makes two who take each other's rights wait for one another;
    PostgreSQL then looks at the rows again. With SQLite, writers wait for each other anyway.
    """
    _require_others(_locked_administrators(session, user_id), user_id, by)
    return service.get_user(session, user_id, lock=True)


def _active_administrators(session: Session) -> list[int]:
    return list(session.scalars(select(User.id).where(_ADMINISTRATES).order_by(User.id)))


def _locked_administrators(session: Session, user_id: int) -> list[int]:
    """All active administrators, locked together with one more person in the order of their ids.

    Who was just made a member still has to be locked in that order, so the person is named beside them.
    """
    # A forged number may be larger than a database's; `service.user` says that it is nobody's.
    whom = or_(_ADMINISTRATES, User.id == min(user_id, MAX_ID))
    columns = select(User.id, User.role, User.state)
    found = session.execute(columns.where(whom).order_by(User.id).with_for_update())
    return [one for one, role, state in found if role == Role.ADMINISTRATOR and state == UserState.ACTIVE]


def _require_others(administrators: list[int], user_id: int, by: User) -> None:
    if administrators == [user_id]:
        raise LastAdministrator
    if user_id == by.id:
        raise OwnAccount
    if by.id not in administrators:
        raise NotAllowed
