"""What webhooks add to the application."""

from flask import Flask
from flask_babel import lazy_gettext as _

from webapp.web import navigation
from webapp.web.navigation import SettingsTab
from webapp.webhooks import events, routes


def init_app(app: Flask) -> None:
    """Add the settings page of the webhook."""
    events.init_app(app)
    app.register_blueprint(routes.blueprint)
    navigation.register(app, SettingsTab(_("Webhook"), "webhooks.settings", 50))
