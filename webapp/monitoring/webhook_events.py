"""The events about outages, and about servers in whose place others send, that webhooks get."""

from webapp.core import i18n
from webapp.core.i18n import lazy_gettext as lazy
from webapp.outbox.labels import describe_cause
from webapp.providers import Failure
from webapp.webhooks.registry import EventType

STOPPED = EventType("mail_server.stopped", lazy("Mail is not going out"))
RECOVERED = EventType("mail_server.recovered", lazy("Mail flows again"))
IN_TROUBLE = EventType("mail_server.in_trouble", lazy("A mail server is failing, and another one sends"))
WELL = EventType("mail_server.well", lazy("A mail server works again"))


def cause(failure: Failure) -> dict[str, str]:
    """Return why, as the events say it."""
    with i18n.use_language(i18n.DEFAULT):
        return {"stage": failure.stage, "code": failure.code, "reason": describe_cause(failure)}
