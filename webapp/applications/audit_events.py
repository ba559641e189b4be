"""What applications add to the audit trail."""

from collections.abc import Sequence
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy

from webapp.audit.registry import Describe, EventType
from webapp.core.formatting import format_datetime

APPLICATION_CREATED = EventType("application.created", lazy("Application created"))
APPLICATION_CHANGED = EventType("application.changed", lazy("Application changed"))
APPLICATION_DISABLED = EventType("application.disabled", lazy("Application disabled"))
APPLICATION_ENABLED = EventType("application.enabled", lazy("Application enabled"))
APPLICATION_DELETED = EventType("application.deleted", lazy("Application deleted"))
SECRET_CREATED = EventType("application.secret_created", lazy("Secret of an application created"))
CREDENTIALS_REFUSED = EventType("application.refused", lazy("Credentials of an application refused"))

_REFUSALS = {
    "invalid_credentials": lazy("Wrong secret."),
    "application_disabled": lazy("The application is disabled."),
    "network_not_allowed": lazy("It may not come from this network."),
}
_PERMISSIONS = {"send": lazy("send email"), "users": lazy("manage users")}


def _permissions(names: Sequence[str]) -> str:
    if not names:
        return _("It may do nothing yet.")
    return _("It may: %(permissions)s.", permissions=", ".join(str(_PERMISSIONS.get(one, one)) for one in names))


def _previous_ends(at: str) -> str:
    if not at:
        return _("Previous secrets ended at once.")
    return _("The previous secret is valid until %(moment)s UTC.", moment=format_datetime(datetime.fromisoformat(at)))


DETAILS: dict[str, Describe] = {
    "application": lambda name: _("Application: %(name)s.", name=name),
    "may": _permissions,
    "refusal": lambda code: str(_REFUSALS.get(code, code)),
    "previous_ends": _previous_ends,
}
