"""The kinds of messages about accounts."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from flask import Flask

from webapp.accounts import message_contents as contents
from webapp.accounts.links import service as links
from webapp.accounts.models import LinkPurpose
from webapp.accounts.preparation import DUMMY_LINK, by_address, kind_to_users
from webapp.core.app_state import app_state
from webapp.core.i18n import lazy_gettext as _
from webapp.mail.diagnosis.descriptions import describe
from webapp.mail.expiry.service import AHEAD, Expiry, ExpiryState, ExpirySubject
from webapp.mail.rollback.service import Rollback
from webapp.mail.transcript import Stage
from webapp.outbox.kinds import SAMPLE_NAME, SAMPLE_RECIPIENT, PreparedMessage, register_kinds
from webapp.providers import Failure
from webapp.settings.service import SecurityPolicy, security

SAMPLE_NEW_EMAIL = "lovelace@preview.invalid"
# An address for documentation (RFC 5737).
SAMPLE_ORIGIN = {
    "ip_address": "192.0.2.1",
    "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
}


def _sample(**data: Any) -> PreparedMessage:
    return PreparedMessage(SAMPLE_RECIPIENT, {"name": SAMPLE_NAME, **data})


def _sample_with_link(
    purpose: LinkPurpose, valid_until: datetime, recipient: str = SAMPLE_RECIPIENT, **data: Any
) -> PreparedMessage:
    data = {"name": SAMPLE_NAME, "valid_until": valid_until, "code": DUMMY_LINK.code} | data
    return PreparedMessage(recipient, data, link_path=links.PATHS[purpose] + DUMMY_LINK.secret)


def _policy() -> SecurityPolicy:
    with app_state().database.read() as session:
        return security(session)


def _sample_rollback(now: datetime) -> PreparedMessage:
    failure = Failure(Stage.CONNECT, "connection_refused", {"error": "[Errno 111] Connection refused"})
    rollback = Rollback("SendGrid", ["host", "port"], "ada@preview.invalid", now - timedelta(minutes=5), failure)
    return _sample(rollback=rollback, cause=describe(failure))


_kind = partial(kind_to_users, reasons=contents.REASONS)
# In the order of the page that previews them.
KINDS = (
    _kind(
        "activation",
        _("Activation"),
        contents.write_activation,
        lambda now: _sample_with_link(LinkPurpose.ACTIVATION, now + _policy().activation_lifetime),
        needs_link=True,
        require=contents.require_pending,
        lifetime=contents.activation_lifetime,
    ),
    _kind(
        "activated",
        _("Account activated"),
        contents.write_notification,
        lambda now: _sample(happened_at=now, **SAMPLE_ORIGIN),
        warns=True,
    ),
    _kind(
        "reset",
        _("Password reset"),
        contents.write_reset,
        lambda now: _sample_with_link(LinkPurpose.RESET, now + _policy().reset_lifetime),
        needs_link=True,
        require=contents.require_account,
        lifetime=contents.reset_lifetime,
        user_key=by_address,
        find_user=contents.find_user,
    ),
    _kind(
        "password_changed",
        _("Password changed"),
        contents.write_notification,
        lambda now: _sample(happened_at=now, by_link=True, **SAMPLE_ORIGIN),
        warns=True,
    ),
    _kind(
        "lockout",
        _("Sign-in locked"),
        contents.write_lockout,
        lambda now: _sample(happened_at=now, until=now + timedelta(minutes=15), everywhere=False, **SAMPLE_ORIGIN),
        require=contents.require_active,
        warns=True,
    ),
    _kind(
        "confirm_address",
        _("Address confirmation"),
        contents.write_confirm_address,
        lambda now: _sample_with_link(
            LinkPurpose.CONFIRM_ADDRESS, now + links.CONFIRMATION_LIFETIME, SAMPLE_NEW_EMAIL, name=""
        ),
        needs_link=True,
        require=contents.require_change,
        lifetime=contents.confirmation_lifetime,
    ),
    _kind(
        "address_changed",
        _("Address changed"),
        contents.write_address_changed,
        lambda now: _sample_with_link(
            LinkPurpose.RESTORE_ADDRESS,
            now + links.RESTORE_LIFETIME,
            new_email=SAMPLE_NEW_EMAIL,
            happened_at=now,
            **SAMPLE_ORIGIN,
        ),
        needs_link=True,
        require=contents.require_not_undone,
        warns=True,
    ),
    _kind(
        "new_session",
        _("New sign-in"),
        contents.write_new_session,
        lambda now: _sample(sessions=[{"at": now, **SAMPLE_ORIGIN}], more=0),
        warns=True,
    ),
    _kind(
        "admin_link_created",
        _("Link created by an administrator"),
        contents.write_notification,
        lambda now: _sample(happened_at=now),
        warns=True,
    ),
    _kind(
        "expiry_alert",
        _("Mail server needs attention"),
        contents.write_expiry_alert,
        lambda now: _sample(expiry=Expiry(ExpirySubject.CLIENT_SECRET, ExpiryState.EXPIRING, now + AHEAD)),
        require=contents.require_unresolved,
    ),
    _kind(
        "mail_server_went_back",
        _("Mail server change undone"),
        contents.write_rollback,
        _sample_rollback,
        require=contents.require_administrator,
    ),
)


def init_app(app: Flask) -> None:
    """Register the kinds."""
    register_kinds(app, *KINDS)
