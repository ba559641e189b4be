"""The kinds of messages about accounts: what each contains, who gets it, and when it is no longer wanted."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from webapp.accounts import audit_events, names, service
from webapp.accounts.address_changes import service as address_changes
from webapp.accounts.links import codes
from webapp.accounts.links import service as links
from webapp.accounts.links.errors import LinkRefused
from webapp.accounts.models import LinkPurpose, User, UserState
from webapp.audit import service as audit
from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.core.i18n import lazy_gettext as _
from webapp.mail.expiry import alerts
from webapp.mail.expiry.service import AHEAD, Expiry, ExpiryState, ExpirySubject
from webapp.outbox.kinds import SAMPLE_NAME, SAMPLE_RECIPIENT, MessageKind, PreparedMessage, Unwanted, register_kinds
from webapp.outbox.models import Message
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

# A link's secret never looks like this.
SAMPLE_SECRET = "PREVIEW-this-link-does-nothing"  # noqa: S105 -- not a secret
SAMPLE_NEW_EMAIL = "lovelace@preview.invalid"
# An address for documentation (RFC 5737).
SAMPLE_ORIGIN = {
    "ip_address": "192.0.2.1",
    "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
}


def _require_pending(session: Session, message: Message) -> User:
    user = _require_enabled(_lock_user(session, message))
    if user.state == UserState.ACTIVE:
        raise Unwanted("already_active")
    if message.recipient != user.email:
        raise Unwanted("address_corrected")
    return user


def _prepare_activation(session: Session, message: Message) -> PreparedMessage:
    return _with_link(session, message, _require_pending(session, message), LinkPurpose.ACTIVATION)


def _require_account(session: Session, message: Message) -> User:
    return _require_enabled(service.find_by_email(session, message.recipient, lock=True))


def _prepare_reset(session: Session, message: Message) -> PreparedMessage:
    """It goes to whoever uses the address now. A user who never activated the account gets an activation email."""
    user = _require_account(session, message)
    if user.state == UserState.PENDING:
        return _with_link(session, message, user, LinkPurpose.ACTIVATION, template="activation")
    return _with_link(session, message, user, LinkPurpose.RESET)


def _find_user(session: Session, email: str) -> int:
    user_id = service.find_user_id(session, email)
    if user_id is None:
        raise Unwanted("no_account")
    return user_id


def _require_change(session: Session, message: Message) -> User:
    user = _require_enabled(_lock_user(session, message))
    change = address_changes.find_pending(session, user.id)
    if change is None or change.email != message.recipient:
        raise Unwanted("change_not_pending")
    return user


def _prepare_confirm_address(session: Session, message: Message) -> PreparedMessage:
    """It goes to the new address, which may be a stranger's, unless the change was cancelled or replaced."""
    user = _require_change(session, message)
    prepared = _with_link(session, message, user, LinkPurpose.CONFIRM_ADDRESS, message.recipient)
    # The address may be a stranger's, who must not read what a member wrote.
    return replace(prepared, data={**prepared.data, "name": ""})


def _require_not_undone(session: Session, message: Message) -> User:
    user = _require_enabled(_lock_user(session, message))
    if address_changes.is_undone(session, user.id, message.recipient, message.created_at, message.deadline):
        raise Unwanted("change_undone")
    return user


def _prepare_address_changed(session: Session, message: Message) -> PreparedMessage:
    """It goes to the old address, unless the change was undone: the link would hand the account to a thief."""
    user = _require_not_undone(session, message)
    return _with_link(session, message, user, LinkPurpose.RESTORE_ADDRESS, message.recipient)


def _prepare_notification(session: Session, message: Message) -> PreparedMessage:
    """It only says what happened."""
    user = _lock_user(session, message) if message.user_id is not None else None
    return PreparedMessage(message.recipient, _data(message, user), user.language if user else None)


def _prepare_new_session(session: Session, message: Message) -> PreparedMessage:
    user = _lock_user(session, message)
    sessions = [one | {"at": datetime.fromisoformat(one["at"])} for one in message.data["sessions"]]
    data = _data(message, user) | {"sessions": sessions}
    return PreparedMessage(message.recipient, data, user.language if user else None)


def _prepare_lockout(session: Session, message: Message) -> PreparedMessage:
    """It goes to the account's own address: the one entered may compare as equal and be another mailbox."""
    user = _require_active(_lock_user(session, message))
    data = _data(message, user) | {"until": datetime.fromisoformat(message.data["until"])}
    return PreparedMessage(user.email, data, user.language)


def _prepare_expiry_alert(session: Session, message: Message) -> PreparedMessage:
    user = _require_active(_lock_user(session, message))
    expiry = Expiry.from_data(message.data)
    if not user.is_administrator or not alerts.is_current(session, expiry, clock.now()):
        raise Unwanted("alert_resolved")
    return PreparedMessage(user.email, _data(message, user) | {"expiry": expiry}, user.language)


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
    # Names that were saved before they were checked may still contain an address.
    name = user.name if user and not names.has_web_address(user.name) else ""
    return {"name": name, "happened_at": message.created_at, **message.data}


def _with_link(
    session: Session,
    message: Message,
    user: User,
    purpose: LinkPurpose,
    email: str | None = None,
    template: str = "",
) -> PreparedMessage:
    """Prepare a message with its link and code, to `email` or else to the user's own address.

    If sending fails, the link stays valid until it expires: the server may have accepted the email although its
    reply was lost, and a revoked link would arrive dead.
    """
    sealer, until = app_state().sealer, message.deadline
    try:
        issued = codes.issue_for(session, sealer, message.identity, user, purpose, until, email)
    except LinkRefused as error:
        raise Unwanted("link_ended") from error
    if issued.is_new:
        audit.record(session, audit_events.LINK_CREATED, user, purpose=purpose)
    data = {"valid_until": message.deadline, "code": issued.code}
    path = links.PATHS[purpose] + issued.secret
    return PreparedMessage(email or user.email, _data(message, user) | data, user.language, path, template)


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


_Kind = partial(MessageKind, reasons=REASONS)
# In the order of the page that previews them.
KINDS = (
    _Kind(
        "activation",
        _("Activation"),
        _prepare_activation,
        lambda now: _sample_with_link(LinkPurpose.ACTIVATION, now + _policy().activation_lifetime),
        needs_link=True,
        require_wanted=_require_pending,
    ),
    _Kind(
        "activated",
        _("Account activated"),
        _prepare_notification,
        lambda now: _sample(happened_at=now, **SAMPLE_ORIGIN),
        warns=True,
    ),
    _Kind(
        "reset",
        _("Password reset"),
        _prepare_reset,
        lambda now: _sample_with_link(LinkPurpose.RESET, now + _policy().reset_lifetime),
        needs_link=True,
        require_wanted=_require_account,
        find_user=_find_user,
    ),
    _Kind(
        "password_changed",
        _("Password changed"),
        _prepare_notification,
        lambda now: _sample(happened_at=now, by_link=True, **SAMPLE_ORIGIN),
        warns=True,
    ),
    _Kind(
        "lockout",
        _("Sign-in locked"),
        _prepare_lockout,
        lambda now: _sample(happened_at=now, until=now + timedelta(minutes=15), everywhere=False, **SAMPLE_ORIGIN),
        warns=True,
    ),
    _Kind(
        "confirm_address",
        _("Address confirmation"),
        _prepare_confirm_address,
        lambda now: _sample_with_link(
            LinkPurpose.CONFIRM_ADDRESS, now + links.CONFIRMATION_LIFETIME, SAMPLE_NEW_EMAIL, name=""
        ),
        needs_link=True,
        require_wanted=_require_change,
    ),
    _Kind(
        "address_changed",
        _("Address changed"),
        _prepare_address_changed,
        lambda now: _sample_with_link(
            LinkPurpose.RESTORE_ADDRESS,
            now + links.RESTORE_LIFETIME,
            new_email=SAMPLE_NEW_EMAIL,
            happened_at=now,
            **SAMPLE_ORIGIN,
        ),
        needs_link=True,
        require_wanted=_require_not_undone,
        warns=True,
    ),
    _Kind(
        "new_session",
        _("New sign-in"),
        _prepare_new_session,
        lambda now: _sample(sessions=[{"at": now, **SAMPLE_ORIGIN}], more=0),
        warns=True,
    ),
    _Kind(
        "admin_link_created",
        _("Link created by an administrator"),
        _prepare_notification,
        lambda now: _sample(happened_at=now),
        warns=True,
    ),
    _Kind(
        "expiry_alert",
        _("Mail server needs attention"),
        _prepare_expiry_alert,
        lambda now: _sample(expiry=Expiry(ExpirySubject.CLIENT_SECRET, ExpiryState.EXPIRING, now + AHEAD)),
    ),
)


def init_app(app: Flask) -> None:
    """Register the kinds."""
    register_kinds(app, *KINDS)
