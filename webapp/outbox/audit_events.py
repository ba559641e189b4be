"""What the outbox adds to the audit trail."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy

from webapp.audit.registry import Describe, EventType

MESSAGE_RETRIED = EventType("message.retried", lazy("Message retried manually"))
MESSAGE_CANCELLED = EventType("message.cancelled", lazy("Message canceled"))

DETAILS: dict[str, Describe] = {"message": lambda number: _("Message %(number)s.", number=number)}
