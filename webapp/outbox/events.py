"""What the outbox adds to the audit trail."""

from flask import Flask
from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy

from webapp.audit import registry
from webapp.audit.registry import Describe, EventType

MESSAGE_RETRIED = EventType("message.retried", lazy("Message retried manually"))

DETAILS: dict[str, Describe] = {"message": lambda number: _("Message %(number)s.", number=number)}


def init_app(app: Flask) -> None:
    """Register these events with the audit trail."""
    registry.register_event_types(app, *registry.declared_in(globals()))
    registry.register_details(app, DETAILS)
