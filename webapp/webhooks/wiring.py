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
    """Add the pages of the webhooks, and the jobs."""
    registry.register(app, audit_events, audit_events.DETAILS, field_labels=labels_of(WebhookForm))
    app.register_blueprint(routes.blueprint)
    navigation.register(app, SettingsTab(_("Webhooks"), "webhooks.list_webhooks", 50))
    jobs.init_app(app)
