"""What the webhook adds to the audit trail."""

from flask_babel import lazy_gettext as lazy

from webapp.audit.registry import EventType

WEBHOOK_SAVED = EventType("webhook.saved", lazy("Webhook saved"))
WEBHOOK_SECRET_CREATED = EventType("webhook.secret_created", lazy("Webhook signing secret created"))
WEBHOOK_TESTED = EventType("webhook.tested", lazy("Webhook tested"))
