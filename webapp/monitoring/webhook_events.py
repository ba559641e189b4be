"""The events about outages that webhooks get."""

from webapp.core.i18n import lazy_gettext as lazy
from webapp.webhooks.registry import EventType

STOPPED = EventType("mail_server.stopped", lazy("Mail stands still"))
RECOVERED = EventType("mail_server.recovered", lazy("Mail flows again"))
