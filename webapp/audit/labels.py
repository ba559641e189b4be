"""What the trail's entries are called on pages, and their facts as sentences."""

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from webapp.accounts.models import LinkPurpose, Role
from webapp.audit.events import Event
from webapp.core.formatting import format_list
from webapp.core.i18n import LANGUAGES
from webapp.core.texts import lazy_gettext as lazy
from webapp.mail.expiry import words as expiry_words
from webapp.mail.test_send import stage_name
from webapp.mail.transcript import Stage
from webapp.providers.diagnosis import Text
from webapp.providers.oauth2 import LABELS
from webapp.providers.registry import get_providers

KINDS = {
    Event.SIGNED_IN: lazy("Signed in"),
    Event.SIGN_IN_FAILED: lazy("Sign-in failed"),
    Event.NEW_DEVICE: lazy("Signed in from a new browser"),
    Event.LOCKED: lazy("Sign-in temporarily locked"),
    Event.UNLOCKED: lazy("Sign-in unlocked"),
    Event.THROTTLED: lazy("Rate limit exceeded"),
    Event.PASSWORD_REFUSED: lazy("Wrong password on re-confirmation"),
    Event.SIGNED_OUT: lazy("Signed out"),
    Event.GUESSED_OUT: lazy("Signed out after too many wrong passwords"),
    Event.SIGN_IN_ENDED: lazy("Signed out another browser"),
    Event.OTHER_SIGN_INS_ENDED: lazy("Signed out all other browsers"),
    Event.ALL_SIGN_INS_ENDED: lazy("Signed out everywhere"),
    Event.FIRST_ADMINISTRATOR: lazy("First administrator created"),
    Event.ADMINISTRATOR_CREATED: lazy("Administrator created on the command line"),
    Event.USER_CREATED: lazy("User created"),
    Event.ACTIVATION_OWED: lazy("Activation email requested"),
    Event.ACTIVATION_SHOWN: lazy("Activation link shown"),
    Event.ACTIVATED: lazy("Account activated"),
    Event.DISABLED: lazy("Account disabled"),
    Event.ENABLED: lazy("Account enabled"),
    Event.DELETED: lazy("Account deleted"),
    Event.ROLE_CHANGED: lazy("Role changed"),
    Event.RENAMED: lazy("Name changed"),
    Event.LANGUAGE_CHANGED: lazy("Language changed"),
    Event.RESET_ASKED: lazy("Password reset requested"),
    Event.RESET_SHOWN: lazy("Reset link shown"),
    Event.RESET_DONE: lazy("Password reset completed"),
    Event.PASSWORD_CHANGED: lazy("Password changed"),
    Event.ADDRESS_ASKED: lazy("Email address change requested"),
    Event.ADDRESS_CANCELLED: lazy("Email address change cancelled"),
    Event.ADDRESS_CHANGED: lazy("Email address changed"),
    Event.ADDRESS_RESTORED: lazy("Email address change undone"),
    Event.LINK_MADE: lazy("Link created for an email"),
    Event.LINK_OPENED: lazy("Link opened"),
    Event.LINK_USED: lazy("Link used"),
    Event.LINK_REFUSED: lazy("Link rejected"),
    Event.CODE_REFUSED: lazy("Code rejected"),
    Event.GENERAL_SAVED: lazy("General settings saved"),
    Event.SECURITY_SAVED: lazy("Security settings saved"),
    Event.MAIL_SERVER_SAVED: lazy("Mail server saved"),
    Event.TEST_MAIL_SENT: lazy("Test email attempted"),
    Event.GRANT_MADE: lazy("Access token generated"),
    Event.GRANT_REFUSED: lazy("Access token could not be generated"),
    Event.GRANT_REFRESH_FAILED: lazy("Access token could not be refreshed"),
    Event.GRANT_DROPPED: lazy("Access token removed"),
    Event.WARNING_TOLD: lazy("Administrators warned about the mail server"),
    Event.WARNING_OVER: lazy("Mail server warning cleared"),
    Event.WEBHOOK_SAVED: lazy("Webhook saved"),
    Event.WEBHOOK_SECRET_MADE: lazy("Webhook signing secret created"),
    Event.WEBHOOK_TESTED: lazy("Webhook tested"),
    Event.MESSAGE_RETRIED: lazy("Message retried manually"),
    Event.KEYS_ROTATED: lazy("Keys rotated"),
    Event.KEYS_DROPPED: lazy("Old keys deleted and everyone signed out"),
    Event.KEYS_FORGOTTEN: lazy("Unreadable keys deleted"),
    Event.TRAIL_DOWNLOADED: lazy("Audit trail downloaded"),
}
PURPOSES = {
    LinkPurpose.ACTIVATION: lazy("Purpose: activate the account."),
    LinkPurpose.RESET: lazy("Purpose: reset the password."),
    LinkPurpose.CONFIRM_ADDRESS: lazy("Purpose: confirm a new email address."),
    LinkPurpose.RESTORE_ADDRESS: lazy("Purpose: undo an email address change."),
}
ROLES = {Role.ADMINISTRATOR: lazy("Role: administrator."), Role.MEMBER: lazy("Role: member.")}
REASONS = {
    "LinkNotFound": lazy("Unknown link."),
    "LinkUsed": lazy("It had already been used."),
    "LinkRevoked": lazy("It was no longer valid."),
    "LinkExpired": lazy("It had expired."),
    "AlreadyActive": lazy("The account was already active."),
    "AccountDisabled": lazy("The account was disabled."),
    "AddressTaken": lazy("Another account already had this address."),
}
GRANTS: Mapping[str, Text] = {str(grant): label for grant, label in LABELS.items()}
FIELDS = {
    "public_url": lazy("Public URL"),
    "product_name": lazy("Product name"),
    "support_address": lazy("Support address"),
    "provider": lazy("Provider"),
    "mail_from": lazy("Mail From"),
    "authentication": lazy("Authentication"),
    "username": lazy("User name"),
    "password": lazy("Password"),
    "host": lazy("Host"),
    "port": lazy("Port"),
    "security": lazy("Security"),
    "tls_minimum": lazy("Minimum TLS version"),
    "timeout": lazy("Timeout in seconds"),
    "webhook_url": lazy("Webhook URL"),
    "proxy_type": lazy("Proxy"),
    "proxy_host": lazy("Proxy host"),
    "proxy_port": lazy("Proxy port"),
    "proxy_username": lazy("Proxy user name"),
    "proxy_password": lazy("Proxy password"),
    "client_id": lazy("Client ID"),
    "client_secret": lazy("Client secret"),
    "tenant_id": lazy("Directory (tenant) ID"),
    "authorize_url": lazy("Authorization URL"),
    "token_url": lazy("Token URL"),
    "device_authorization_url": lazy("Device authorization URL"),
    "scopes": lazy("Scopes"),
    "service_account_key": lazy("Service account key (JSON)"),
    "secret_expires_on": lazy("Secret or key expires on"),
    "password_length": lazy("Minimum password length"),
    "password_common": lazy("Reject passwords that are easy to guess"),
    "password_upper": lazy("Minimum uppercase letters"),
    "password_lower": lazy("Minimum lowercase letters"),
    "password_digits": lazy("Minimum digits"),
    "password_special": lazy("Minimum special characters"),
    "password_days": lazy("Maximum password age (days)"),
    "password_former": lazy("Previous passwords that can't be reused"),
    "activation_minutes": lazy("Activation link lifetime"),
    "reset_minutes": lazy("Reset link lifetime"),
    "idle_minutes": lazy("Inactivity timeout"),
    "sign_in_minutes": lazy("Maximum session length"),
    "remembered_minutes": lazy("Maximum session length with “Remember me”"),
    "lock_after": lazy("Failed attempts before lockout"),
    "lock_minutes": lazy("Lockout duration"),
    "event": lazy("Event"),
    "person": lazy("Person"),
    "client": lazy("IP address"),
    "since": lazy("From"),
    "until": lazy("To"),
}


def kind(event: str) -> str:
    """The entry's kind in words; one that is not known any more as it stands in the database."""
    return str(KINDS[Event(event)]) if event in list(Event) else event


def facts(given: dict[str, Any]) -> list[str]:
    """What else there is to know, a sentence each. What nobody put in words is shown as it is."""
    return [_SENTENCES[name](value) if name in _SENTENCES else f"{name}: {value}" for name, value in given.items()]


def _fields(names: list[str]) -> str:
    return format_list(str(FIELDS.get(name, name)) for name in names)


def _changed(names: list[str]) -> str:
    return _("Changed: %(fields)s.", fields=_fields(names)) if names else _("Nothing was changed.")


def _filtered(names: list[str]) -> str:
    return _("Filtered by: %(fields)s.", fields=_fields(names)) if names else _("All entries.")


def _everywhere(everywhere: bool) -> str:
    return _("From all IP addresses.") if everywhere else _("From one network.")


def _grant(kind: str) -> str:
    return _("Authentication: %(kind)s.", kind=GRANTS.get(kind, kind))


def _language(code: str) -> str:
    return _(
        "Language: %(language)s.", language=LANGUAGES[code].name if code in LANGUAGES else _("Same as the browser")
    )


def _last_try(last: bool) -> str:
    return _("Codes sent so far are no longer valid.") if last else _("More attempts are allowed.")


def _minutes(minutes: int) -> str:
    return ngettext("For %(num)s minute.", "For %(num)s minutes.", minutes)


def _passed(passed: bool) -> str:
    return _("It succeeded.") if passed else _("It failed.")


def _provider(key: str) -> str:
    providers = get_providers()
    return _("Provider: %(provider)s.", provider=providers[key].label if key in providers else key)


def _stage(stage: str) -> str:
    return _("Stage: %(stage)s.", stage=stage_name(Stage(stage)) if stage in list(Stage) else stage)


_SENTENCES: dict[str, Callable[[Any], str]] = {
    "changed": _changed,
    "code": lambda code: _("Error: %(code)s.", code=code),
    "everywhere": _everywhere,
    "filtered": _filtered,
    "key": lambda number: _("Key %(number)s.", number=number),
    "keys": lambda number: ngettext("%(num)s key.", "%(num)s keys.", number),
    "kind": _grant,
    "language": _language,
    "last_try": _last_try,
    "message": lambda number: _("Message %(number)s.", number=number),
    "minutes": _minutes,
    "page": lambda page: _("Page: %(page)s.", page=page),
    "passed": _passed,
    "provider": _provider,
    "purpose": lambda purpose: str(PURPOSES.get(purpose, purpose)),
    "reason": lambda reason: str(REASONS.get(reason, reason)),
    "role": lambda role: str(ROLES.get(role, role)),
    "stage": _stage,
    "state": lambda state: _("State: %(state)s.", state=expiry_words.STATES.get(state, state)),
    "what": lambda what: _("About: %(what)s.", what=expiry_words.NAMES.get(what, what)),
}
