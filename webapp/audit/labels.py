"""What the trail's entries are called on pages, and their facts as sentences."""

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from webapp.accounts.models import LinkPurpose, Role
from webapp.audit.events import Event
from webapp.core.app_state import app_state
from webapp.core.formatting import format_list
from webapp.core.i18n import LANGUAGES
from webapp.core.texts import lazy_gettext as lazy
from webapp.mail.expiry import words as expiry_words
from webapp.mail.test_send import stage_name
from webapp.mail.transcript import Stage
from webapp.providers.diagnosis import Text
from webapp.providers.oauth2 import LABELS

KINDS = {
    Event.SIGNED_IN: lazy("Signed in"),
    Event.SIGN_IN_FAILED: lazy("Sign-in failed"),
    Event.NEW_DEVICE: lazy("Signed in with a new device"),
    Event.LOCKED: lazy("Sign-in was locked for a while"),
    Event.UNLOCKED: lazy("Sign-in was unlocked"),
    Event.THROTTLED: lazy("Requests were refused for a while"),
    Event.PASSWORD_REFUSED: lazy("Password typed again was wrong"),
    Event.SIGNED_OUT: lazy("Signed out"),
    Event.GUESSED_OUT: lazy("Signed out after wrong passwords"),
    Event.SIGN_IN_ENDED: lazy("Another browser was signed out"),
    Event.OTHER_SIGN_INS_ENDED: lazy("All other browsers were signed out"),
    Event.ALL_SIGN_INS_ENDED: lazy("Was signed out everywhere"),
    Event.FIRST_ADMINISTRATOR: lazy("First administrator was set up"),
    Event.ADMINISTRATOR_CREATED: lazy("Administrator was created on the command line"),
    Event.USER_CREATED: lazy("User was created"),
    Event.ACTIVATION_OWED: lazy("Activation mail was asked for"),
    Event.ACTIVATION_SHOWN: lazy("Activation link was shown"),
    Event.ACTIVATED: lazy("Account was activated"),
    Event.DISABLED: lazy("Account was disabled"),
    Event.ENABLED: lazy("Account was enabled"),
    Event.DELETED: lazy("Account was deleted"),
    Event.ROLE_CHANGED: lazy("Role was changed"),
    Event.RENAMED: lazy("Name was changed"),
    Event.LANGUAGE_CHANGED: lazy("Language was changed"),
    Event.RESET_ASKED: lazy("Password reset was asked for"),
    Event.RESET_SHOWN: lazy("Reset link was shown"),
    Event.RESET_DONE: lazy("Password was reset"),
    Event.PASSWORD_CHANGED: lazy("Password was changed"),
    Event.ADDRESS_ASKED: lazy("New address was asked for"),
    Event.ADDRESS_CANCELLED: lazy("Change of the address was cancelled"),
    Event.ADDRESS_CHANGED: lazy("Address was changed"),
    Event.ADDRESS_RESTORED: lazy("Change of the address was undone"),
    Event.LINK_MADE: lazy("Link was made for a mail"),
    Event.LINK_OPENED: lazy("Link was opened"),
    Event.LINK_USED: lazy("Link was used"),
    Event.LINK_REFUSED: lazy("Link was refused"),
    Event.CODE_REFUSED: lazy("Code was refused"),
    Event.GENERAL_SAVED: lazy("General settings were saved"),
    Event.SECURITY_SAVED: lazy("Security settings were saved"),
    Event.MAIL_SERVER_SAVED: lazy("Mail server was saved"),
    Event.TEST_MAIL_SENT: lazy("Test mail was tried"),
    Event.GRANT_MADE: lazy("Permission to send mail was granted"),
    Event.GRANT_REFUSED: lazy("Permission to send mail was refused"),
    Event.GRANT_REFRESH_FAILED: lazy("Permission to send mail could not be refreshed"),
    Event.GRANT_DROPPED: lazy("Permission to send mail was dropped"),
    Event.WARNING_TOLD: lazy("Administrators were warned about the mail server"),
    Event.WARNING_OVER: lazy("A warning about the mail server was over"),
    Event.WEBHOOK_SAVED: lazy("Webhook was saved"),
    Event.WEBHOOK_SECRET_MADE: lazy("Signing secret of the webhook was made"),
    Event.WEBHOOK_TESTED: lazy("Webhook was tested"),
    Event.MESSAGE_RETRIED: lazy("Message was tried again by hand"),
    Event.KEYS_ROTATED: lazy("Keys were replaced"),
    Event.KEYS_DROPPED: lazy("Old keys were dropped, and everybody was signed out"),
    Event.KEYS_FORGOTTEN: lazy("Lost keys were forgotten"),
    Event.TRAIL_DOWNLOADED: lazy("Audit trail was downloaded"),
}
PURPOSES = {
    LinkPurpose.ACTIVATION: lazy("It activates the account."),
    LinkPurpose.RESET: lazy("It resets the password."),
    LinkPurpose.CONFIRM_ADDRESS: lazy("It confirms a new address."),
    LinkPurpose.RESTORE_ADDRESS: lazy("It undoes a change of the address."),
}
ROLES = {Role.ADMINISTRATOR: lazy("Role: administrator."), Role.MEMBER: lazy("Role: member.")}
REASONS = {
    "LinkUnknown": lazy("Nobody has such a link."),
    "LinkUsed": lazy("It was used before."),
    "LinkRevoked": lazy("It was not valid any more."),
    "LinkExpired": lazy("It had expired."),
    "AlreadyActive": lazy("The account was active already."),
    "AccountDisabled": lazy("The account was disabled."),
    "AddressTaken": lazy("Another account had the address."),
}
GRANTS: Mapping[str, Text] = {str(grant): label for grant, label in LABELS.items()}
FIELDS = {
    "public_url": lazy("Public address"),
    "product_name": lazy("Product name"),
    "support_address": lazy("Support address"),
    "provider": lazy("Provider"),
    "mail_from": lazy("Mail From"),
    "authentication": lazy("Sign-in"),
    "username": lazy("User name"),
    "password": lazy("Password"),
    "host": lazy("Host"),
    "port": lazy("Port"),
    "security": lazy("Security"),
    "tls_minimum": lazy("Minimum TLS version"),
    "timeout": lazy("Timeout in seconds"),
    "webhook_url": lazy("Address of the webhook"),
    "proxy_type": lazy("Proxy"),
    "proxy_host": lazy("Proxy host"),
    "proxy_port": lazy("Proxy port"),
    "proxy_username": lazy("Proxy user name"),
    "proxy_password": lazy("Proxy password"),
    "client_id": lazy("Client ID"),
    "client_secret": lazy("Client secret"),
    "tenant_id": lazy("Directory (tenant) ID"),
    "authorize_url": lazy("Authorize address"),
    "token_url": lazy("Token address"),
    "device_authorization_url": lazy("Device authorization address"),
    "scopes": lazy("Scopes"),
    "service_account_key": lazy("Service account key (JSON)"),
    "secret_expires_on": lazy("Secret or key expires on"),
    "password_length": lazy("Characters of a password"),
    "password_common": lazy("Refusal of passwords that are easy to guess"),
    "password_upper": lazy("Capital letters"),
    "password_lower": lazy("Small letters"),
    "password_digits": lazy("Digits"),
    "password_special": lazy("Other characters"),
    "password_days": lazy("Days until a new password is due"),
    "password_former": lazy("Former passwords"),
    "activation_minutes": lazy("Time of activation links"),
    "reset_minutes": lazy("Time of reset links"),
    "idle_minutes": lazy("Time until an unused sign-in ends"),
    "sign_in_minutes": lazy("Time until a sign-in ends"),
    "remembered_minutes": lazy("Time until a remembered sign-in ends"),
    "lock_after": lazy("Failed tries before a lock"),
    "lock_minutes": lazy("Time of a lock"),
    "event": lazy("What"),
    "person": lazy("Who"),
    "client": lazy("Client address"),
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
    return _("Narrowed by: %(fields)s.", fields=_fields(names)) if names else _("All of it.")


def _everywhere(everywhere: bool) -> str:
    return _("From every client address.") if everywhere else _("From one network.")


def _grant(kind: str) -> str:
    return _("Kind of grant: %(kind)s.", kind=GRANTS.get(kind, kind))


def _language(code: str) -> str:
    return _(
        "Language: %(language)s.", language=LANGUAGES[code].name if code in LANGUAGES else _("As the browser says")
    )


def _last_try(last: bool) -> str:
    return _("The codes of this mail are worthless now.") if last else _("It can be tried again.")


def _minutes(minutes: int) -> str:
    return ngettext("For %(num)s minute.", "For %(num)s minutes.", minutes)


def _passed(passed: bool) -> str:
    return _("The server took it.") if passed else _("It failed.")


def _provider(key: str) -> str:
    providers = app_state().providers
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
