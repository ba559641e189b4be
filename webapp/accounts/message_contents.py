"""What each message about an account says and to whom, and when it is no longer wanted."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from webapp.accounts import names, service
from webapp.accounts.address_changes import service as address_changes
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, UserState
from webapp.accounts.preparation import Draft, LockedUser
from webapp.core import clock, i18n
from webapp.core.i18n import lazy_gettext as _
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.expiry import alerts
from webapp.mail.expiry.service import Expiry
from webapp.mail.rollback.service import Rollback
from webapp.outbox.kinds import ClaimedMessage, PreparedMessage, Unwanted
from webapp.settings.service import security

REASONS = {
    "no_account": _("No account uses this address, so nothing was sent."),
    "account_disabled": _("The account is disabled."),
    "account_not_active": _("The account is not active."),
    "already_active": _("The account is already active."),
    "address_corrected": _("The account's address has been corrected since."),
    "change_not_pending": _("This address change is no longer pending."),
    "change_undone": _("The change has already been undone."),
    "link_ended": _("The link in this email has been used or is no longer valid, so the email wasn't sent again."),
    "alert_resolved": _("The warning no longer applies."),
    "no_administrator": _("The account no longer belongs to an active administrator."),
}


def require_pending(_session: Session, message: ClaimedMessage, user: LockedUser | None) -> None:
    """Raise Unwanted unless the account at this address waits to be activated."""
    found = _enabled(user)
    if found.state == UserState.ACTIVE:
        raise Unwanted("already_active")
    if message.recipient != found.email:
        raise Unwanted("address_corrected")


def write_activation(message: ClaimedMessage, user: LockedUser | None) -> Draft:
    """It goes to the address that it was queued for, which is the account's."""
    found = _known(user)
    return Draft(found, message.recipient, _data(message, found), LinkPurpose.ACTIVATION)


def require_account(_session: Session, _message: ClaimedMessage, user: LockedUser | None) -> None:
    """Raise Unwanted unless there is an account that is not disabled."""
    _enabled(user)


def write_reset(message: ClaimedMessage, user: LockedUser | None) -> Draft:
    """It goes to the present user of the address. A user who never activated the account gets an activation email."""
    found = _known(user)
    if found.state == UserState.PENDING:
        return Draft(found, found.email, _data(message, found), LinkPurpose.ACTIVATION, template="activation")
    return Draft(found, found.email, _data(message, found), LinkPurpose.RESET)


def find_user(session: Session, email: str) -> int:
    """Return the id of the user with this address. Raises Unwanted."""
    user_id = service.find_user_id(session, email)
    if user_id is None:
        raise Unwanted("no_account")
    return user_id


def require_change(session: Session, message: ClaimedMessage, user: LockedUser | None) -> None:
    """Raise Unwanted if the change to this address was canceled or replaced."""
    change = address_changes.find_pending(session, _enabled(user).id)
    if change is None or change.email != message.recipient:
        raise Unwanted("change_not_pending")


def write_confirm_address(message: ClaimedMessage, user: LockedUser | None) -> Draft:
    """It goes to the new address, which may be a stranger's."""
    found = _known(user)
    # A stranger must not read what a member wrote.
    data = {**_data(message, found), "name": ""}
    return Draft(found, message.recipient, data, LinkPurpose.CONFIRM_ADDRESS, message.recipient)


def require_not_undone(session: Session, message: ClaimedMessage, user: LockedUser | None) -> None:
    """Raise Unwanted if the change was undone: the link would hand the account to a thief."""
    user_id = _enabled(user).id
    if address_changes.is_undone(session, user_id, message.recipient, message.created_at, message.deadline):
        raise Unwanted("change_undone")


def write_address_changed(message: ClaimedMessage, user: LockedUser | None) -> Draft:
    """It goes to the old address."""
    found = _known(user)
    return Draft(found, message.recipient, _data(message, found), LinkPurpose.RESTORE_ADDRESS, message.recipient)


def write_notification(message: ClaimedMessage, user: LockedUser | None) -> PreparedMessage:
    """It only says what happened."""
    known = user if message.user_id is not None else None
    return PreparedMessage(message.recipient, _data(message, known), known.language if known else None)


def write_new_session(message: ClaimedMessage, user: LockedUser | None) -> PreparedMessage:
    """It lists the sign-ins."""
    sessions = [one | {"at": datetime.fromisoformat(one["at"])} for one in message.data["sessions"]]
    data = _data(message, user) | {"sessions": sessions}
    return PreparedMessage(message.recipient, data, user.language if user else None)


def require_active(_session: Session, _message: ClaimedMessage, user: LockedUser | None) -> None:
    """Raise Unwanted unless there is an active account."""
    if _enabled(user).state != UserState.ACTIVE:
        raise Unwanted("account_not_active")


def write_lockout(message: ClaimedMessage, user: LockedUser | None) -> PreparedMessage:
    """It goes to the account's own address: the one entered may compare as equal and be another mailbox."""
    return write_to_user(message, user, until=datetime.fromisoformat(message.data["until"]))


def write_to_user(message: ClaimedMessage, user: LockedUser | None, **more: object) -> PreparedMessage:
    """It goes to the user's present address, and says this besides what happened."""
    found = _known(user)
    return PreparedMessage(found.email, _data(message, found) | more, found.language)


def require_unresolved(session: Session, message: ClaimedMessage, user: LockedUser | None) -> None:
    """Raise Unwanted unless the user is an active administrator and the warning still applies."""
    require_active(session, message, user)
    expiry = Expiry.from_data(message.data)
    if not _known(user).is_administrator or not alerts.is_current(session, expiry, clock.now()):
        raise Unwanted("alert_resolved")


def write_expiry_alert(message: ClaimedMessage, user: LockedUser | None) -> PreparedMessage:
    """It goes to an administrator."""
    return write_to_user(message, user, expiry=Expiry.from_data(message.data))


def require_administrator(session: Session, message: ClaimedMessage, user: LockedUser | None) -> None:
    """Raise Unwanted unless the user is an active administrator."""
    require_active(session, message, user)
    if not _known(user).is_administrator:
        raise Unwanted("no_administrator")


def write_rollback(message: ClaimedMessage, user: LockedUser | None) -> PreparedMessage:
    """It goes to an administrator."""
    rollback = Rollback.from_data(message.data)
    with i18n.use_language(_known(user).language):
        return write_to_user(message, user, rollback=rollback, cause=describe(rollback.failure))


def activation_lifetime(session: Session, _user: LockedUser) -> datetime:
    """Return until when a new activation link is valid."""
    return clock.now() + security(session).activation_lifetime


def reset_lifetime(session: Session, user: LockedUser) -> datetime:
    """Return until when a new reset link is valid."""
    policy = security(session)
    return clock.now() + (policy.activation_lifetime if user.state == UserState.PENDING else policy.reset_lifetime)


def confirmation_lifetime(session: Session, user: LockedUser) -> datetime:
    """Give the person as much time to confirm the address as at first, and return until when."""
    change = address_changes.find_pending(session, user.id)
    if change is None:
        raise Unwanted("change_not_pending")
    change.expires_at = clock.now() + links.CONFIRMATION_LIFETIME
    return change.expires_at


def _known(user: LockedUser | None) -> LockedUser:
    if user is None:
        raise Unwanted("no_account")
    return user


def _enabled(user: LockedUser | None) -> LockedUser:
    found = _known(user)
    if found.state == UserState.DISABLED:
        raise Unwanted("account_disabled")
    return found


def _data(message: ClaimedMessage, user: LockedUser | None) -> dict[str, Any]:
    # Names that were saved before they were checked may still contain an address.
    name = user.name if user and not names.has_web_address(user.name) else ""
    return {"name": name, "happened_at": message.created_at, **message.data}
