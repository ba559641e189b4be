"""How the audit trail words the data that is not specific to one package."""

from flask import Flask
from flask_babel import gettext as _
from flask_babel import ngettext

from webapp.audit import events, registry
from webapp.audit.registry import Describe
from webapp.core.formatting import format_list


def _changed(names: list[str]) -> str:
    if not names:
        return _("Nothing was changed.")
    return _("Changed: %(fields)s.", fields=format_list(registry.field_labels(names)))


def _filtered(names: list[str]) -> str:
    if not names:
        return _("All entries.")
    return _("Filtered by: %(fields)s.", fields=format_list(registry.field_labels(names)))


DETAILS: dict[str, Describe] = {
    "changed": _changed,
    "filtered": _filtered,
    "key": lambda number: _("Key %(number)s.", number=number),
    "keys": lambda number: ngettext("%(num)s key.", "%(num)s keys.", number),
    "page": lambda page: _("Page: %(page)s.", page=page),
    "passed": lambda passed: _("It succeeded.") if passed else _("It failed."),
}


def init_app(app: Flask) -> None:
    """Register the events of the audit trail itself and how their data reads."""
    registry.register_event_types(app, *registry.declared_in(vars(events)))
    registry.register_details(app, DETAILS)
    registry.register_field_labels(app, events.FIELD_LABELS)
