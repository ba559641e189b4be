"""What the settings add to the application."""

from flask import Flask
from flask_babel import lazy_gettext as _

from webapp.audit import registry
from webapp.settings import audit_events, context, forms, jobs, routes
from webapp.web import navigation
from webapp.web.navigation import NavigationEntry, SettingsTab


def init_app(app: Flask) -> None:
    """Add the settings pages."""
    registry.register(app, audit_events, field_labels=forms.field_labels())
    context.init_app(app)
    jobs.init_app(app)
    app.register_blueprint(routes.blueprint)
    navigation.register(
        app,
        NavigationEntry(_("Settings"), "settings.general", 50),
        SettingsTab(_("General"), "settings.general", 10),
        SettingsTab(_("Security"), "settings.security", 30),
    )
