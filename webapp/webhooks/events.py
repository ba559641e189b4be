"""What the webhook adds to the audit trail."""

from flask import Flask
from flask_babel import lazy_gettext as lazy

from webapp.audit import registry
from webapp.audit.registry import EventType

WEBHOOK_SAVED = EventType("webhook.saved", lazy("Webhook saved"))
WEBHOOK_SECRET_CREATED = EventType("webhook.secret_created", lazy("Webhook signing secret created"))
WEBHOOK_TESTED = EventType("webhook.tested", lazy("Webhook tested"))

FIELD_LABELS = {"webhook_url": lazy("Webhook URL")}


def init_app(app: Flask) -> None:
    """Register these events with the audit trail."""
    registry.register_event_types(app, *registry.declared_in(globals()))
    registry.register_field_labels(app, FIELD_LABELS)
