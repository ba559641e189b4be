"""What the audit trail records about the settings."""

from flask_babel import lazy_gettext as lazy

from webapp.audit.registry import EventType

GENERAL_SETTINGS_SAVED = EventType("general_settings.saved", lazy("General settings saved"))
SECURITY_SETTINGS_SAVED = EventType("security_settings.saved", lazy("Security settings saved"))
