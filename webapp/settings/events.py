"""What the settings announce: their audit events, and a signal when they are saved."""

from blinker import Signal
from flask import Flask
from flask_babel import lazy_gettext as lazy

from webapp.audit import registry
from webapp.audit.registry import EventType

# Sent inside the transaction that saves the general settings, with `session`.
settings_saved = Signal()

GENERAL_SETTINGS_SAVED = EventType("general_settings.saved", lazy("General settings saved"))
SECURITY_SETTINGS_SAVED = EventType("security_settings.saved", lazy("Security settings saved"))

FIELD_LABELS = {
    "public_url": lazy("Public URL"),
    "product_name": lazy("Product name"),
    "support_address": lazy("Support address"),
    "password_min_length": lazy("Minimum password length"),
    "password_reject_common": lazy("Reject passwords that are easy to guess"),
    "password_min_uppercase": lazy("Minimum uppercase letters"),
    "password_min_lowercase": lazy("Minimum lowercase letters"),
    "password_min_digits": lazy("Minimum digits"),
    "password_min_special": lazy("Minimum special characters"),
    "password_max_age_days": lazy("Maximum password age (days)"),
    "password_history_length": lazy("Previous passwords that can't be reused"),
    "activation_minutes": lazy("Activation link lifetime"),
    "reset_minutes": lazy("Reset link lifetime"),
    "session_idle_minutes": lazy("Inactivity timeout"),
    "session_minutes": lazy("Maximum session length"),
    "session_remembered_minutes": lazy("Maximum session length with “Remember me”"),
    "lockout_threshold": lazy("Failed attempts before lockout"),
    "lockout_minutes": lazy("Lockout duration"),
}


def init_app(app: Flask) -> None:
    """Register these events with the audit trail."""
    registry.register_event_types(app, *registry.declared_in(globals()))
    registry.register_field_labels(app, FIELD_LABELS)
