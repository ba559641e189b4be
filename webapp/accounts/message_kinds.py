"""The kinds of messages about accounts: what each contains, who gets it, and when it is no longer wanted."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from webapp.accounts import names, service
from webapp.accounts.address_changes import service as address_changes
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, UserState
from webapp.accounts.preparation import Draft, LockedUser, UserKey, Write, by_address, by_id, lock_users, prepare_with
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.i18n import lazy_gettext as _
from webapp.mail.expiry import alerts
from webapp.mail.expiry.service import AHEAD, Expiry, ExpiryState, ExpirySubject
from webapp.outbox.kinds import (
    SAMPLE_NAME,
    SAMPLE_RECIPIENT,
    ClaimedMessage,
    MessageKind,
    PreparedMessage,
    Unwanted,
    register_kinds,
)
from webapp.settings.service import SecurityPolicy, security

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
}

# Return the user of a message that is still wanted, or raise Unwanted.
Require = Callable[[Session, ClaimedMessage, LockedUser | None], LockedUser]

# A link's secret never looks like this.
SAMPLE_SECRET = "PREVIEW-this-link-does-nothing"  # noqa: S105 -- not a secret
SAMPLE_NEW_EMAIL = "lovelace@preview.invalid"
# An address for documentation (RFC 5737).
SAMPLE_ORIGIN = {
    "ip_address": "192.0.2.1",
    "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
}


def _require_pending(_session: Session, message: ClaimedMessage, user: LockedUser | None) -> LockedUser:
    found = _require_enabled(user)
    if found.state == UserState.ACTIVE:
        raise Unwanted("already_active")
    if message.recipient != found.email:
        raise Unwanted("address_corrected")
    return found


def _write_activation(session: Session, message: ClaimedMessage, user: LockedUser | None) -> Draft:
    found = _require_pending(session, message, user)
    return Draft(found, found.email, _data(message, found), LinkPurpose.ACTIVATION)


def _require_account(_session: Session, _message: ClaimedMessage, user: LockedUser | None) -> LockedUser:
    return _require_enabled(user)


def _write_reset(_session: Session, message: ClaimedMessage, user: LockedUser | None) -> Draft:
    """It goes to whoever uses the address now. A user who never activated the account gets an activation email."""
    found = _require_enabled(user)
    if found.state == UserState.PENDING:
        return Draft(found, found.email, _data(message, found), LinkPurpose.ACTIVATION, template="activation")
    return Draft(found, found.email, _data(message, found), LinkPurpose.RESET)


def _find_user(session: Session, email: str) -> int:
    user_id = service.find_user_id(session, email)
    if user_id is None:
        raise Unwanted("no_account")
    return user_id


def _require_change(session: Session, message: ClaimedMessage, user: LockedUser | None) -> LockedUser:
    found = _require_enabled(user)
    change = address_changes.find_pending(session, found.id)
    if change is None or change.email != message.recipient:
        raise Unwanted("change_not_pending")
    return found


def _write_confirm_address(session: Session, message: ClaimedMessage, user: LockedUser | None) -> Draft:
    """It goes to the new address, which may be a stranger's, unless the change was cancelled or replaced."""
    found = _require_change(session, message, user)
    # A stranger must not read what a member wrote.
    data = {**_data(message, found), "name": ""}
    return Draft(found, message.recipient, data, LinkPurpose.CONFIRM_ADDRESS, message.recipient)


def _require_not_undone(session: Session, message: ClaimedMessage, user: LockedUser | None) -> LockedUser:
    found = _require_enabled(user)
    if address_changes.is_undone(session, found.id, message.recipient, message.created_at, message.deadline):
        raise Unwanted("change_undone")
    return found


def _write_address_changed(session: Session, message: ClaimedMessage, user: LockedUser | None) -> Draft:
    """It goes to the old address, unless the change was undone: the link would hand the account to a thief."""
    found = _require_not_undone(session, message, user)
    return Draft(found, message.recipient, _data(message, found), LinkPurpose.RESTORE_ADDRESS, message.recipient)


def _write_notification(_session: Session, message: ClaimedMessage, user: LockedUser | None) -> PreparedMessage:
    """It only says what happened."""
    known = user if message.user_id is not None else None
    return PreparedMessage(message.recipient, _data(message, known), known.language if known else None)


def _write_new_session(_session: Session, message: ClaimedMessage, user: LockedUser | None) -> PreparedMessage:
    sessions = [one | {"at": datetime.fromisoformat(one["at"])} for one in message.data["sessions"]]
    data = _data(message, user) | {"sessions": sessions}
    return PreparedMessage(message.recipient, data, user.language if user else None)


def _write_lockout(_session: Session, message: ClaimedMessage, user: LockedUser | None) -> PreparedMessage:
    """It goes to the account's own address: the one entered may compare as equal and be another mailbox."""
    found = _require_active(user)
    data = _data(message, found) | {"until": datetime.fromisoformat(message.data["until"])}
    return PreparedMessage(found.email, data, found.language)


def _write_expiry_alert(session: Session, message: ClaimedMessage, user: LockedUser | None) -> PreparedMessage:
    found = _require_active(user)
    expiry = Expiry.from_data(message.data)
    if not found.is_administrator or not alerts.is_current(session, expiry, clock.now()):
        raise Unwanted("alert_resolved")
    return PreparedMessage(found.email, _data(message, found) | {"expiry": expiry}, found.language)


def _require_enabled(user: LockedUser | None) -> LockedUser:
    if user is None:
        raise Unwanted("no_account")
    if user.state == UserState.DISABLED:
        raise Unwanted("account_disabled")
    return user


def _require_active(user: LockedUser | None) -> LockedUser:
    enabled = _require_enabled(user)
    if enabled.state != UserState.ACTIVE:
        raise Unwanted("account_not_active")
    return enabled


def _data(message: ClaimedMessage, user: LockedUser | None) -> dict[str, Any]:
    # Names that were saved before they were checked may still contain an address.
    name = user.name if user and not names.has_web_address(user.name) else ""
    return {"name": name, "happened_at": message.created_at, **message.data}


def _sample(**data: Any) -> PreparedMessage:
    return PreparedMessage(SAMPLE_RECIPIENT, {"name": SAMPLE_NAME, **data})


def _sample_with_link(
    purpose: LinkPurpose, valid_until: datetime, recipient: str = SAMPLE_RECIPIENT, **data: Any
) -> PreparedMessage:
    data = {"name": SAMPLE_NAME, "valid_until": valid_until, "code": "0000-0000"} | data
    return PreparedMessage(recipient, data, link_path=links.PATHS[purpose] + SAMPLE_SECRET)


def _policy() -> SecurityPolicy:
    with app_state().database.read() as session:
        return security(session)


def _kind(
    name: str,
    label: str,
    write: Write,
    sample: Callable[[datetime], PreparedMessage],
    *,
    require: Require | None = None,
    user_key: UserKey = by_id,
    **options: Any,
) -> MessageKind:
    """Return a kind whose messages `write` makes, and which are wanted unless `require` raises Unwanted."""

    def require_wanted(session: Session, message: ClaimedMessage) -> None:
        if require is not None:
            key = user_key(message)
            require(session, message, lock_users(session, [key]).get(key))

    prepare = prepare_with(write, user_key)
    return MessageKind(name, label, prepare, sample, require_wanted=require_wanted, reasons=REASONS, **options)


# In the order of the page that previews them.
KINDS = (
    _kind(
        "activation",
        _("Activation"),
        _write_activation,
        lambda now: _sample_with_link(LinkPurpose.ACTIVATION, now + _policy().activation_lifetime),
        needs_link=True,
        require=_require_pending,
    ),
    _kind(
        "activated",
        _("Account activated"),
        _write_notification,
        lambda now: _sample(happened_at=now, **SAMPLE_ORIGIN),
        warns=True,
    ),
    _kind(
        "reset",
        _("Password reset"),
        _write_reset,
        lambda now: _sample_with_link(LinkPurpose.RESET, now + _policy().reset_lifetime),
        needs_link=True,
        require=_require_account,
        user_key=by_address,
        find_user=_find_user,
    ),
    _kind(
        "password_changed",
        _("Password changed"),
        _write_notification,
        lambda now: _sample(happened_at=now, by_link=True, **SAMPLE_ORIGIN),
        warns=True,
    ),
    _kind(
        "lockout",
        _("Sign-in locked"),
        _write_lockout,
        lambda now: _sample(happened_at=now, until=now + timedelta(minutes=15), everywhere=False, **SAMPLE_ORIGIN),
        warns=True,
    ),
    _kind(
        "confirm_address",
        _("Address confirmation"),
        _write_confirm_address,
        lambda now: _sample_with_link(
            LinkPurpose.CONFIRM_ADDRESS, now + links.CONFIRMATION_LIFETIME, SAMPLE_NEW_EMAIL, name=""
        ),
        needs_link=True,
        require=_require_change,
    ),
    _kind(
        "address_changed",
        _("Address changed"),
        _write_address_changed,
        lambda now: _sample_with_link(
            LinkPurpose.RESTORE_ADDRESS,
            now + links.RESTORE_LIFETIME,
            new_email=SAMPLE_NEW_EMAIL,
            happened_at=now,
            **SAMPLE_ORIGIN,
        ),
        needs_link=True,
        require=_require_not_undone,
        warns=True,
    ),
    _kind(
        "new_session",
        _("New sign-in"),
        _write_new_session,
        lambda now: _sample(sessions=[{"at": now, **SAMPLE_ORIGIN}], more=0),
        warns=True,
    ),
    _kind(
        "admin_link_created",
        _("Link created by an administrator"),
        _write_notification,
        lambda now: _sample(happened_at=now),
        warns=True,
    ),
    _kind(
        "expiry_alert",
        _("Mail server needs attention"),
        _write_expiry_alert,
        lambda now: _sample(expiry=Expiry(ExpirySubject.CLIENT_SECRET, ExpiryState.EXPIRING, now + AHEAD)),
    ),
)


def init_app(app: Flask) -> None:
    """Register the kinds."""
    register_kinds(app, *KINDS)
