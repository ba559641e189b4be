"""What webhooks add to the audit trail."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy

from webapp.audit.registry import Describe, EventType

WEBHOOK_CREATED = EventType("webhook.created", lazy("Webhook created"))
WEBHOOK_SAVED = EventType("webhook.saved", lazy("Webhook saved"))
WEBHOOK_TURNED_ON = EventType("webhook.turned_on", lazy("Webhook turned on"))
WEBHOOK_TURNED_OFF = EventType("webhook.turned_off", lazy("Webhook turned off"))
WEBHOOK_DELETED = EventType("webhook.deleted", lazy("Webhook deleted"))
WEBHOOK_SECRET_CREATED = EventType("webhook.secret_created", lazy("Webhook signing secret created"))
WEBHOOK_TESTED = EventType("webhook.tested", lazy("Webhook tested"))

DETAILS: dict[str, Describe] = {"webhook": lambda name: _("Webhook: %(name)s.", name=name)}
