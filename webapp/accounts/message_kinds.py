"""The kinds of messages about accounts: what each contains, who gets it, and when it is no longer wanted."""

from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from webapp.accounts import events, service
from webapp.accounts.address_changes import service as address_changes
from webapp.accounts.links import codes
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose, User, UserState
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.i18n import lazy_gettext as _
from webapp.mail.expiry import alerts
from webapp.mail.expiry.service import AHEAD, Expiry, ExpiryState, ExpirySubject
from webapp.outbox.kinds import (
    SAMPLE_NAME,
    SAMPLE_RECIPIENT,
    MessageKind,
    PreparedMessage,
    Unwanted,
    register_kinds,
)
from webapp.outbox.models import Message
from webapp.settings.service import SecurityPolicy, security

REASONS = {
    "no_account": _("No account uses this address, so nothing was sent."),
    "account_disabled": _("The account is disabled."),
    "account_not_active": _("The account is not active."),
    "already_active": _("The account is already active."),
    "change_not_pending": _("This address change is no longer pending."),
    "change_undone": _("The change has already been undone."),
    "alert_resolved": _("The warning no longer applies."),
}

# A link's secret never looks like this.
SAMPLE_SECRET = "PREVIEW-this-link-does-nothing"  # noqa: S105 -- not a secret
SAMPLE_NEW_EMAIL = "lovelace@preview.invalid"
# An address for documentation (RFC 5737).
SAMPLE_ORIGIN = {
    "ip_address": "192.0.2.1",
    "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
}


def _prepare_activation(session: Session, message: Message) -> PreparedMessage:
    user = _require_enabled(_lock_user(session, message))
    if user.state == UserState.ACTIVE:
        raise Unwanted("already_active")
    return _with_link(session, message, user, "activation", LinkPurpose.ACTIVATION)


def _sample_activation(now: datetime) -> PreparedMessage:
    return _sample_with_link("activation", LinkPurpose.ACTIVATION, now + _policy().activation_lifetime)


ACTIVATION = MessageKind(
    "activation",
    _("Activation"),
    "activation",
    _prepare_activation,
    _sample_activation,
    needs_link=True,
    reasons=REASONS,
)


def _prepare_reset(session: Session, message: Message) -> PreparedMessage:
    """A user who never activated the account gets an activation email instead."""
    user = _require_enabled(_lock_user(session, message))
    if user.state == UserState.PENDING:
        return _with_link(session, message, user, "activation", LinkPurpose.ACTIVATION)
    return _with_link(session, message, user, "reset", LinkPurpose.RESET)


def _sample_reset(now: datetime) -> PreparedMessage:
    return _sample_with_link("reset", LinkPurpose.RESET, now + _policy().reset_lifetime)


RESET = MessageKind(
    "reset", _("Password reset"), "reset", _prepare_reset, _sample_reset, needs_link=True, reasons=REASONS
)


def _prepare_confirm_address(session: Session, message: Message) -> PreparedMessage:
    """It goes to the new address, unless the change was cancelled or replaced."""
    user = _require_enabled(_lock_user(session, message))
    change = address_changes.find_pending(session, user.id)
    if change is None or change.email != message.recipient:
        raise Unwanted("change_not_pending")
    return _with_link(session, message, user, "confirm_address", LinkPurpose.CONFIRM_ADDRESS, message.recipient)


def _sample_confirm_address(now: datetime) -> PreparedMessage:
    return _sample_with_link(
        "confirm_address",
        LinkPurpose.CONFIRM_ADDRESS,
        now + links.CONFIRMATION_LIFETIME,
        SAMPLE_NEW_EMAIL,
        account=SAMPLE_RECIPIENT,
    )


CONFIRM_ADDRESS = MessageKind(
    "confirm_address",
    _("Address confirmation"),
    "confirm_address",
    _prepare_confirm_address,
    _sample_confirm_address,
    needs_link=True,
    reasons=REASONS,
)


def _prepare_address_changed(session: Session, message: Message) -> PreparedMessage:
    """It goes to the old address, unless the change was undone: the link would hand the account to a thief."""
    user = _require_enabled(_lock_user(session, message))
    if address_changes.is_undone(session, user.id, message.recipient, message.created_at, message.deadline):
        raise Unwanted("change_undone")
    return _with_link(session, message, user, "address_changed", LinkPurpose.RESTORE_ADDRESS, message.recipient)


def _sample_address_changed(now: datetime) -> PreparedMessage:
    return _sample_with_link(
        "address_changed",
        LinkPurpose.RESTORE_ADDRESS,
        now + links.RESTORE_LIFETIME,
        new_email=SAMPLE_NEW_EMAIL,
        happened_at=now,
        **SAMPLE_ORIGIN,
    )


ADDRESS_CHANGED = MessageKind(
    "address_changed",
    _("Address changed"),
    "address_changed",
    _prepare_address_changed,
    _sample_address_changed,
    needs_link=True,
    reasons=REASONS,
)


def _prepare_notification(session: Session, message: Message) -> PreparedMessage:
    """Only its data varies; the template has the name of the kind."""
    user = _lock_user(session, message) if message.user_id is not None else None
    return PreparedMessage(message.kind, message.recipient, _data(message, user), user.language if user else None)


def _sample_activated(now: datetime) -> PreparedMessage:
    return _sample("activated", happened_at=now, **SAMPLE_ORIGIN)


ACTIVATED = MessageKind("activated", _("Account activated"), "activated", _prepare_notification, _sample_activated)


def _sample_password_changed(now: datetime) -> PreparedMessage:
    return _sample("password_changed", happened_at=now, by_link=True, **SAMPLE_ORIGIN)


PASSWORD_CHANGED = MessageKind(
    "password_changed", _("Password changed"), "password_changed", _prepare_notification, _sample_password_changed
)


def _sample_admin_link_created(now: datetime) -> PreparedMessage:
    return _sample("admin_link_created", happened_at=now)


ADMIN_LINK_CREATED = MessageKind(
    "admin_link_created",
    _("Link created by an administrator"),
    "admin_link_created",
    _prepare_notification,
    _sample_admin_link_created,
)


def _prepare_new_session(session: Session, message: Message) -> PreparedMessage:
    user = _lock_user(session, message)
    sessions = [one | {"at": datetime.fromisoformat(one["at"])} for one in message.data["sessions"]]
    data = _data(message, user) | {"sessions": sessions}
    return PreparedMessage("new_session", message.recipient, data, user.language if user else None)


def _sample_new_session(now: datetime) -> PreparedMessage:
    return _sample("new_session", sessions=[{"at": now, **SAMPLE_ORIGIN}], more=0)


NEW_SESSION = MessageKind("new_session", _("New sign-in"), "new_session", _prepare_new_session, _sample_new_session)


def _prepare_lockout(session: Session, message: Message) -> PreparedMessage:
    """It goes to the account's own address: the one entered may compare as equal and be another mailbox."""
    user = _require_active(_lock_user(session, message))
    data = _data(message, user) | {"until": datetime.fromisoformat(message.data["until"])}
    return PreparedMessage("lockout", user.email, data, user.language)


def _sample_lockout(now: datetime) -> PreparedMessage:
    return _sample("lockout", happened_at=now, until=now + timedelta(minutes=15), everywhere=False, **SAMPLE_ORIGIN)


LOCKOUT = MessageKind("lockout", _("Sign-in locked"), "lockout", _prepare_lockout, _sample_lockout, reasons=REASONS)


def _prepare_expiry_alert(session: Session, message: Message) -> PreparedMessage:
    user = _require_active(_lock_user(session, message))
    expiry = Expiry.from_data(message.data)
    if not user.is_administrator or not alerts.is_current(session, expiry, clock.now()):
        raise Unwanted("alert_resolved")
    return PreparedMessage("expiry_alert", user.email, _data(message, user) | {"expiry": expiry}, user.language)


def _sample_expiry_alert(now: datetime) -> PreparedMessage:
    expiry = Expiry(ExpirySubject.CLIENT_SECRET, ExpiryState.EXPIRING, now + AHEAD)
    return _sample("expiry_alert", expiry=expiry)


EXPIRY_ALERT = MessageKind(
    "expiry_alert",
    _("Mail server needs attention"),
    "expiry_alert",
    _prepare_expiry_alert,
    _sample_expiry_alert,
    reasons=REASONS,
)


# In the order of the page that previews them.
KINDS = (
    ACTIVATION, ACTIVATED, RESET, PASSWORD_CHANGED, LOCKOUT, CONFIRM_ADDRESS, ADDRESS_CHANGED, NEW_SESSION,
    ADMIN_LINK_CREATED, EXPIRY_ALERT,
)  # fmt: skip


def init_app(app: Flask) -> None:
    """Register the kinds."""
    register_kinds(app, *KINDS)


def _lock_user(session: Session, message: Message) -> User | None:
    """Lock the user of a message, so that a concurrent change of the account also revokes a link created here."""
    if message.user_id is not None:
        return session.get(User, message.user_id, with_for_update=True)
    return service.find_by_email(session, message.recipient, lock=True)


def _require_enabled(user: User | None) -> User:
    if user is None:
        raise Unwanted("no_account")
    if user.state == UserState.DISABLED:
        raise Unwanted("account_disabled")
    return user


def _require_active(user: User | None) -> User:
    enabled = _require_enabled(user)
    if enabled.state != UserState.ACTIVE:
        raise Unwanted("account_not_active")
    return enabled


def _data(message: Message, user: User | None) -> dict[str, Any]:
    return {"name": user.name if user else "", "happened_at": message.created_at, **message.data}


def _with_link(
    session: Session, message: Message, user: User, template: str, purpose: LinkPurpose, email: str | None = None
) -> PreparedMessage:
    """Prepare a message with a new link and code, to `email` or else to the user's own address.

    If sending fails, the link stays valid until it expires: the server may have accepted the email although its
    reply was lost, and a revoked link would arrive dead.
    """
    issued = codes.issue(session, app_state().sealer, user, purpose, message.deadline, email)
    audit.record(session, events.LINK_CREATED, user, purpose=purpose)
    data = {"valid_until": message.deadline, "code": issued.code, "account": user.email}
    path = links.PATHS[purpose] + issued.secret
    return PreparedMessage(template, email or user.email, _data(message, user) | data, user.language, path)


def _sample(template: str, recipient: str = SAMPLE_RECIPIENT, path: str = "", **data: Any) -> PreparedMessage:
    return PreparedMessage(template, recipient, {"name": SAMPLE_NAME, **data}, link_path=path)


def _sample_with_link(
    template: str, purpose: LinkPurpose, valid_until: datetime, recipient: str = SAMPLE_RECIPIENT, **data: Any
) -> PreparedMessage:
    path = links.PATHS[purpose] + SAMPLE_SECRET
    return _sample(template, recipient, path, valid_until=valid_until, code="0000-0000", **data)


def _policy() -> SecurityPolicy:
    with app_state().database.read() as session:
        return security(session)
