"""The events about mail servers that webhooks get."""

from webapp.core.i18n import lazy_gettext as lazy
from webapp.webhooks.registry import EventType

ENDING_SOON = EventType("mail_server.ending_soon", lazy("Something that the mail server needs expires soon"))
ENDED = EventType("mail_server.ended", lazy("Something that the mail server needs has expired"))
GRANT_REFUSED = EventType("mail_server.grant_refused", lazy("The OAuth2 authorization is refused"))
RESOLVED = EventType("mail_server.resolved", lazy("The problem is resolved"))
WENT_BACK = EventType(
    "mail_server.went_back", lazy("Email failed after a change of the mail server, so Mailroom undid it")
)
