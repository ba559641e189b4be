"""What the settings announce: their audit events, and a signal when they are saved."""

from blinker import Signal
from flask_babel import lazy_gettext as lazy

from webapp.audit.registry import EventType

# Sent inside the transaction that saves the general settings, with `session`.
settings_saved = Signal()

GENERAL_SETTINGS_SAVED = EventType("general_settings.saved", lazy("General settings saved"))
SECURITY_SETTINGS_SAVED = EventType("security_settings.saved", lazy("Security settings saved"))
