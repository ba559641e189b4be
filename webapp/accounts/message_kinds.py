"""The kinds of messages that are about accounts: what each says, to whom, and when it is no longer wanted."""

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
SAMPLE_SECRET = "PREVIEW-this-link-does-nothing"  # noqa: S105 -- it is none
SAMPLE_OTHER_ADDRESS = "lovelace@preview.invalid"
# An address for documentation (RFC 5737).
SAMPLE_ORIGIN = {
    "client": "192.0.2.1",
    "device": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
}


def init_app(app: Flask) -> None:
    """Register the kinds."""
    register_kinds(app, *KINDS)


# Activation and reset


def prepare_activation(session: Session, message: Message) -> PreparedMessage:
    """Prepare an activation email with a new link."""
    user = _require_enabled(_lock_user(session, message))
    if user.state == UserState.ACTIVE:
        raise Unwanted("already_active")
    return _with_link(session, message, user, "activation", LinkPurpose.ACTIVATION)


def prepare_reset(session: Session, message: Message) -> PreparedMessage:
    """Prepare a reset email with a new link; a user who never activated the account gets an activation email."""
    user = _require_enabled(_lock_user(session, message))
    if user.state == UserState.PENDING:
        return _with_link(session, message, user, "activation", LinkPurpose.ACTIVATION)
    return _with_link(session, message, user, "reset", LinkPurpose.RESET)


def sample_activation(now: datetime) -> PreparedMessage:
    """Prepare the preview of an activation email."""
    return _sample_link("activation", LinkPurpose.ACTIVATION, now + _policy().activation_lifetime)


def sample_reset(now: datetime) -> PreparedMessage:
    """Prepare the preview of a reset email."""
    return _sample_link("reset", LinkPurpose.RESET, now + _policy().reset_lifetime)


# Changes of the address


def prepare_confirm_address(session: Session, message: Message) -> PreparedMessage:
    """Prepare the email to a new address, unless the change was cancelled or replaced."""
    user = _require_enabled(_lock_user(session, message))
    change = address_changes.find_pending(session, user.id)
    if change is None or change.email != message.recipient:
        raise Unwanted("change_not_pending")
    return _with_link(session, message, user, "confirm_address", LinkPurpose.CONFIRM_ADDRESS, message.recipient)


def prepare_address_changed(session: Session, message: Message) -> PreparedMessage:
    """Prepare the email to the old address, unless the change was undone.

    Its link would give the account back to an address that was taken from it on purpose.
    """
    user = _require_enabled(_lock_user(session, message))
    if address_changes.is_undone(session, user.id, message.recipient, message.created_at, message.deadline):
        raise Unwanted("change_undone")
    return _with_link(session, message, user, "address_changed", LinkPurpose.RESTORE_ADDRESS, message.recipient)


def sample_confirm_address(now: datetime) -> PreparedMessage:
    """Prepare the preview of the email to a new address."""
    return _sample_link(
        "confirm_address",
        LinkPurpose.CONFIRM_ADDRESS,
        now + links.CONFIRMATION_LIFETIME,
        SAMPLE_OTHER_ADDRESS,
        account=SAMPLE_RECIPIENT,
    )


def sample_address_changed(now: datetime) -> PreparedMessage:
    """Prepare the preview of the email to an old address."""
    return _sample_link(
        "address_changed",
        LinkPurpose.RESTORE_ADDRESS,
        now + links.RESTORE_LIFETIME,
        new_email=SAMPLE_OTHER_ADDRESS,
        happened_at=now,
        **SAMPLE_ORIGIN,
    )


# Notifications


def prepare_notification(session: Session, message: Message) -> PreparedMessage:
    """Prepare an email that says what happened to an account; its template has the name of its kind."""
    user = _lock_user(session, message) if message.user_id is not None else None
    return PreparedMessage(message.kind, message.recipient, _data(message, user), user.language if user else None)


def prepare_new_session(session: Session, message: Message) -> PreparedMessage:
    """Prepare the email about sign-ins from new browsers."""
    prepared = prepare_notification(session, message)
    sign_ins = [one | {"at": datetime.fromisoformat(one["at"])} for one in message.data["sign_ins"]]
    return PreparedMessage(
        prepared.template, prepared.recipient, {**prepared.data, "sign_ins": sign_ins}, prepared.language
    )


def prepare_lockout(session: Session, message: Message) -> PreparedMessage:
    """Prepare the email about a lockout.

    It goes to the account's own address: the one that was typed may compare as equal and be another mailbox.
    """
    user = _require_active(_lock_user(session, message))
    data = _data(message, user) | {"until": datetime.fromisoformat(message.data["until"])}
    return PreparedMessage("lockout", user.email, data, user.language)


def prepare_expiry_alert(session: Session, message: Message) -> PreparedMessage:
    """Prepare the warning about the mail server, for an administrator, unless it no longer applies."""
    user = _require_active(_lock_user(session, message))
    expiry = Expiry.from_data(message.data)
    if not user.is_administrator or not alerts.is_current(session, expiry, clock.now()):
        raise Unwanted("alert_resolved")
    return PreparedMessage("expiry_alert", user.email, _data(message, user) | {"expiry": expiry}, user.language)


def sample_activated(now: datetime) -> PreparedMessage:
    """Prepare the preview of the email about an activated account."""
    return _sample("activated", happened_at=now, **SAMPLE_ORIGIN)


def sample_password_changed(now: datetime) -> PreparedMessage:
    """Prepare the preview of the email about a changed password."""
    return _sample("password_changed", happened_at=now, by_link=True, **SAMPLE_ORIGIN)


def sample_new_session(now: datetime) -> PreparedMessage:
    """Prepare the preview of the email about sign-ins from new browsers."""
    return _sample("new_session", sign_ins=[{"at": now, **SAMPLE_ORIGIN}], more=0)


def sample_lockout(now: datetime) -> PreparedMessage:
    """Prepare the preview of the email about a lockout."""
    return _sample("lockout", happened_at=now, until=now + timedelta(minutes=15), everywhere=False, **SAMPLE_ORIGIN)


def sample_admin_link_created(now: datetime) -> PreparedMessage:
    """Prepare the preview of the email about a link that an administrator created."""
    return _sample("admin_link_created", happened_at=now)


def sample_expiry_alert(now: datetime) -> PreparedMessage:
    """Prepare the preview of a warning about the mail server."""
    return _sample("expiry_alert", expiry=Expiry(ExpirySubject.CLIENT_SECRET, ExpiryState.EXPIRING, now + AHEAD))


# What they share


def _lock_user(session: Session, message: Message) -> User | None:
    """Find whom a message is for; a change of the account waits, so that it also finds a link made here."""
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
    session: Session, message: Message, user: User, template: str, purpose: LinkPurpose, address: str | None = None
) -> PreparedMessage:
    """Create a link and a code, to `address` or else to the user's own.

    When the attempt to send fails, the link stays valid until it expires: the server may have accepted
    the email although its reply was lost, and a revoked link would arrive dead.
    """
    issued = codes.issue(session, app_state().sealer, user, purpose, message.deadline, address)
    audit.record(session, events.LINK_CREATED, user, purpose=purpose)
    data = {"valid_until": message.deadline, "code": issued.code, "account": user.email}
    path = links.PATHS[purpose] + issued.secret
    return PreparedMessage(template, address or user.email, _data(message, user) | data, user.language, path)


def _sample(template: str, recipient: str = SAMPLE_RECIPIENT, path: str = "", **data: Any) -> PreparedMessage:
    return PreparedMessage(template, recipient, {"name": SAMPLE_NAME, **data}, link_path=path)


def _sample_link(
    template: str, purpose: LinkPurpose, valid_until: datetime, recipient: str = SAMPLE_RECIPIENT, **data: Any
) -> PreparedMessage:
    path = links.PATHS[purpose] + SAMPLE_SECRET
    return _sample(template, recipient, path, valid_until=valid_until, code="0000-0000", **data)


def _policy() -> SecurityPolicy:
    with app_state().database.read() as session:
        return security(session)


def _kind(name: str, label: str, **how: Any) -> MessageKind:
    return MessageKind(name, label, name, reasons=REASONS, **how)


KINDS = (
    _kind("activation", _("Activation"), prepare=prepare_activation, sample=sample_activation, needs_link=True),
    _kind("activated", _("Account activated"), prepare=prepare_notification, sample=sample_activated),
    _kind("reset", _("Password reset"), prepare=prepare_reset, sample=sample_reset, needs_link=True),
    _kind("password_changed", _("Password changed"), prepare=prepare_notification, sample=sample_password_changed),
    _kind("lockout", _("Sign-in locked"), prepare=prepare_lockout, sample=sample_lockout),
    _kind(
        "confirm_address",
        _("Address confirmation"),
        prepare=prepare_confirm_address,
        sample=sample_confirm_address,
        needs_link=True,
    ),
    _kind(
        "address_changed",
        _("Address changed"),
        prepare=prepare_address_changed,
        sample=sample_address_changed,
        needs_link=True,
    ),
    _kind("new_session", _("New sign-in"), prepare=prepare_new_session, sample=sample_new_session),
    _kind(
        "admin_link_created",
        _("Link created by an administrator"),
        prepare=prepare_notification,
        sample=sample_admin_link_created,
    ),
    _kind("expiry_alert", _("Mail server needs attention"), prepare=prepare_expiry_alert, sample=sample_expiry_alert),
)
