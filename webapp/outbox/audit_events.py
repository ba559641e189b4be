"""What the outbox adds to the audit trail."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as lazy
from flask_babel import ngettext

from webapp.audit.registry import Describe, EventType

MESSAGE_RETRIED = EventType("message.retried", lazy("Message retried manually"))
MESSAGE_CANCELLED = EventType("message.cancelled", lazy("Message canceled"))
MESSAGE_RESENT = EventType("message.resent", lazy("Message sent again"))
MESSAGES_RETRIED = EventType("messages.retried", lazy("Many messages retried manually"))
MESSAGES_CANCELLED = EventType("messages.cancelled", lazy("Many messages canceled"))
OUTBOX_DOWNLOADED = EventType("outbox.downloaded", lazy("Outbox downloaded"))

DETAILS: dict[str, Describe] = {
    "message": lambda number: _("Message %(number)s.", number=number),
    "messages": lambda number: ngettext("%(num)s message.", "%(num)s messages.", number),
    "resent_as": lambda number: _("New message: %(number)s.", number=number),
}
