"""Events of the audit trail itself, and of the packages below it, which can't record any."""

from datetime import date

from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy

from webapp.audit import registry
from webapp.audit.registry import Describe, EventType
from webapp.core.formatting import format_list

TRAIL_DOWNLOADED = EventType("audit.downloaded", lazy("Audit trail downloaded"))
REQUESTS_THROTTLED = EventType("requests.throttled", lazy("Rate limit exceeded"))
TRAIL_PRUNED = EventType("audit.pruned", lazy("Old audit entries deleted"))
KEYS_ROTATED = EventType("keys.rotated", lazy("Keys rotated"))
KEYS_DROPPED = EventType("keys.dropped", lazy("Old keys deleted and everyone signed out"))
KEYS_FORGOTTEN = EventType("keys.forgotten", lazy("Unreadable keys deleted"))


def _changed(names: list[str]) -> str:
    return _("Changed: %(fields)s.", fields=format_list(registry.field_labels(names)))


def _filtered(names: list[str]) -> str:
    if not names:
        return _("All entries.")
    return _("Filtered by: %(fields)s.", fields=format_list(registry.field_labels(names)))


DETAILS: dict[str, Describe] = {
    "by_application": lambda name: _("By the application %(name)s.", name=name),
    "before": lambda day: _("From before %(day)s.", day=format_date(date.fromisoformat(day))),
    "changed": _changed,
    "deleted": lambda number: ngettext("%(num)s entry.", "%(num)s entries.", number),
    "filtered": _filtered,
    "key": lambda number: _("Key %(number)s.", number=number),
    "keys": lambda number: ngettext("%(num)s key.", "%(num)s keys.", number),
    "page": lambda page: _("Page: %(page)s.", page=page),
    "passed": lambda passed: _("Result: success.") if passed else _("Result: failure."),
}
