"""What webhooks add to the application."""

from flask import Flask
from flask_babel import lazy_gettext as _

from webapp.audit import registry
from webapp.web import navigation
from webapp.web.forms import labels_of
from webapp.web.navigation import SettingsTab
from webapp.webhooks import audit_events, jobs, routes
from webapp.webhooks.forms import WebhookForm


def init_app(app: Flask) -> None:
    """Add the settings page of the webhook, and the jobs."""
    registry.register(app, audit_events, field_labels=labels_of(WebhookForm))
    app.register_blueprint(routes.blueprint)
    navigation.register(app, SettingsTab(_("Webhook"), "webhooks.settings", 50))
    jobs.init_app(app)
