"""Events of the audit trail itself, and of the packages below it, which can't record any."""

from flask_babel import lazy_gettext as lazy

from webapp.audit.registry import EventType

TRAIL_DOWNLOADED = EventType("audit.downloaded", lazy("Audit trail downloaded"))
REQUESTS_THROTTLED = EventType("requests.throttled", lazy("Rate limit exceeded"))
KEYS_ROTATED = EventType("keys.rotated", lazy("Keys rotated"))
KEYS_DROPPED = EventType("keys.dropped", lazy("Old keys deleted and everyone signed out"))
KEYS_FORGOTTEN = EventType("keys.forgotten", lazy("Unreadable keys deleted"))

FIELD_LABELS = {
    "event": lazy("Event"),
    "person": lazy("Person"),
    "ip_address": lazy("IP address"),
    "since": lazy("From"),
    "until": lazy("To"),
}
