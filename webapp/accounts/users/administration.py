"""What administrators do to accounts: create, disable, enable, delete, rename, change a role or a wrong address.

All transactions lock rows in one order, so that no two wait for each other: the administrators and the user by
id, then the user's links, sessions and known devices. Using a link and signing in lock the user first as well.

`by` is the administrator who acts; None is an operator on the command line or an application, whose right to do it was
checked before.
"""

from flask_babel import lazy_gettext as _
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from webapp.accounts import audit_events, service, throttles, webhook_events
from webapp.accounts.address_changes import service as address_changes
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, Role, User, UserState
from webapp.accounts.password_links import service as password_links
from webapp.accounts.sessions import lockout
from webapp.accounts.sessions import service as sessions
from webapp.audit import service as audit
from webapp.core import clock, rate_limits
from webapp.core.database import MAX_ID
from webapp.core.email_addresses import comparison_key, validate
from webapp.core.errors import Forbidden, MailroomError

_IS_ACTIVE_ADMINISTRATOR = (User.role == Role.ADMINISTRATOR) & (User.state == UserState.ACTIVE)


class ActionRefused(MailroomError):
    """The action would leave nobody who could undo it."""


class LastAdministrator(ActionRefused):
    """The user is the only active administrator."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "This is the only active administrator, so it can't be disabled, deleted or made a member. "
                "Make someone else an administrator first."
            )
        )


class OwnAccount(ActionRefused):
    """Administrators don't lock themselves out."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "This is your own account. Only another administrator can disable or delete it, change its role, "
                "or create a link for it."
            )
        )


def create_user(
    session: Session, *, email: str, name: str, role: Role, send_activation: bool, language: str = ""
) -> User:
    """Create a pending user, and enqueue the activation email if wanted. Raises InvalidEmailAddress, AddressTaken."""
    user = _add_user(session, email, name, role, UserState.PENDING)
    user.language = language or None
    audit.record(session, audit_events.USER_CREATED, user, role=str(role))
    if send_activation:
        # The previous user with this address was deleted.
        rate_limits.reset(session, throttles.ACTIVATION_EMAILS_BY_ADDRESS, user.email_key)
        password_links.enqueue_activation(session, user)
    return user


def create_administrator(session: Session, email: str, name: str, password_hash: str) -> User:
    """Create an active administrator. Raises InvalidEmailAddress, AddressTaken."""
    user = _add_user(session, email, name, Role.ADMINISTRATOR, UserState.ACTIVE)
    user.password_hash = password_hash
    user.activated_at = user.password_changed_at = user.created_at
    return user


def disable(session: Session, user_id: int, by: User | None) -> None:
    """Disable the account: end all sessions, links and address changes. Raises NotFound, ActionRefused, Forbidden."""
    user = _lock_removable(session, user_id, by)
    if user.state == UserState.DISABLED:
        return
    user.state = UserState.DISABLED
    session.flush()
    address_changes.discard(session, user.id)
    links.revoke(session, user.id, *LinkPurpose)
    sessions.end_all(session, user.id)
    audit.record(session, audit_events.USER_DISABLED, user)
    webhook_events.announce(session, webhook_events.DISABLED, user)


def enable(session: Session, user_id: int, by: User | None) -> None:
    """Give a disabled account its previous state. Raises NotFound, Forbidden."""
    user = lock_user(session, user_id, by)
    if user.state != UserState.DISABLED:
        return
    # A link may have been created for an email at the moment the account was disabled.
    links.revoke(session, user_id, *LinkPurpose)
    user.state = UserState.ACTIVE if user.activated_at else UserState.PENDING
    audit.record(session, audit_events.USER_ENABLED, user)
    webhook_events.announce(session, webhook_events.ENABLED, user)


def unlock(session: Session, user_id: int, by: User | None) -> None:
    """End the user's lockout. Raises NotFound, Forbidden."""
    lockout.clear(session, lock_user(session, user_id, by))


def delete(session: Session, user_id: int, by: User | None) -> None:
    """Delete the account with its sessions, links and messages. Raises NotFound, ActionRefused, Forbidden."""
    user = _lock_removable(session, user_id, by)
    session.delete(user)
    audit.record(session, audit_events.USER_DELETED, user)
    webhook_events.announce(session, webhook_events.DELETED, user)


def change_role(session: Session, user_id: int, role: Role, by: User | None) -> None:
    """Change the role, and end the user's sessions. Raises NotFound, ActionRefused, Forbidden."""
    lock = lock_user if role == Role.ADMINISTRATOR else _lock_removable
    user = lock(session, user_id, by)
    if user.role == role:
        return
    user.role = role
    session.flush()
    # Reset links were created for a user with other rights. A pending user keeps the activation link to get in, unless
    # somebody else has it, such as an application, which must not become an administrator.
    links.revoke(session, user.id, LinkPurpose.RESET)
    links.revoke_shown(session, user.id)
    sessions.end_all(session, user.id)
    audit.record(session, audit_events.ROLE_CHANGED, user, role=str(role))


def end_sessions(session: Session, user_id: int, by: User | None) -> None:
    """End all sessions of the user. Raises NotFound, Forbidden."""
    user = lock_user(session, user_id, by)
    if sessions.end_all(session, user.id):
        audit.record(session, audit_events.ALL_SESSIONS_REVOKED, user)


def rename(session: Session, user_id: int, name: str, by: User | None) -> None:
    """Change the user's name. Raises NotFound, Forbidden."""
    service.rename(session, lock_user(session, user_id, by), name)


def change_language(session: Session, user_id: int, language: str, by: User | None) -> None:
    """Change the language of pages and emails; empty means the browser's. Raises NotFound, Forbidden."""
    service.change_language(session, lock_user(session, user_id, by), language)


def correct_address(session: Session, user_id: int, email: str, by: User | None) -> None:
    """Change the address of a pending user, who can't confirm a mistyped one; links sent to it become invalid.

    Raises NotFound, Forbidden, AccountDisabled, AlreadyActive, AddressTaken; the caller's transaction must then be
    rolled back.
    """
    user = lock_user(session, user_id, by)
    password_links.require_state(user, UserState.PENDING)
    if email == user.email:
        return
    service.assign_email(session, user, email)
    links.revoke(session, user.id, *LinkPurpose)
    audit.record(session, audit_events.ADDRESS_CORRECTED, user)


def reason_not_removable(session: Session, user: User, by: User | None) -> ActionRefused | None:
    """Say why this user can't be disabled, deleted or made a member, if so. Raises Forbidden."""
    try:
        _require_others(_active_administrators(session), user.id, by)
    except ActionRefused as refused:
        return refused
    return None


def lock_user(session: Session, user_id: int, by: User | None) -> User:
    """Lock the user, and `by` as an active administrator. Raises NotFound, Forbidden."""
    administrators = _lock_administrators(session, user_id)
    if by is not None and by.id not in administrators:
        raise Forbidden
    return service.get_user(session, user_id, lock=True)


def require_administrator(session: Session, by: User) -> None:
    """Keep `by` an active administrator until the transaction ends. Raises Forbidden."""
    if by.id not in _lock_administrators(session, by.id):
        raise Forbidden


def _add_user(session: Session, email: str, name: str, role: Role, state: UserState) -> User:
    address = validate(email)
    user = User(
        email=address,
        email_key=comparison_key(address),
        name=name,
        role=role,
        state=state,
        created_at=clock.now(),
    )
    session.add(user)
    service.flush_address(session)
    webhook_events.announce(session, webhook_events.CREATED, user)
    return user


def _lock_removable(session: Session, user_id: int, by: User | None) -> User:
    """Lock a user who may lose rights. Raises NotFound, ActionRefused, Forbidden.

    Locking all active administrators makes two who demote each other wait for one another; PostgreSQL then
    checks the rows again. With SQLite, writers wait for each other anyway.
    """
    _require_others(_lock_administrators(session, user_id), user_id, by)
    return service.get_user(session, user_id, lock=True)


def _active_administrators(session: Session) -> list[int]:
    return list(session.scalars(select(User.id).where(_IS_ACTIVE_ADMINISTRATOR).order_by(User.id)))


def _lock_administrators(session: Session, user_id: int) -> list[int]:
    """Lock all active administrators and one more user in the order of their ids; return the administrators' ids."""
    # A forged id may be larger than the database allows; get_user raises NotFound for it.
    rows = or_(_IS_ACTIVE_ADMINISTRATOR, User.id == min(user_id, MAX_ID))
    columns = select(User.id, User.role, User.state)
    found = session.execute(columns.where(rows).order_by(User.id).with_for_update())
    return [id_ for id_, role, state in found if (role, state) == (Role.ADMINISTRATOR, UserState.ACTIVE)]


def _require_others(administrators: list[int], user_id: int, by: User | None) -> None:
    if administrators == [user_id]:
        raise LastAdministrator
    if by is None:
        return
    if user_id == by.id:
        raise OwnAccount
    if by.id not in administrators:
        raise Forbidden
