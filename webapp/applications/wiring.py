"""What applications add to Mailroom."""

from flask import Flask
from flask_babel import lazy_gettext as _

from webapp.applications import audit_events, routes
from webapp.applications.forms import ApplicationForm, ContentForm
from webapp.applications.names import application_name
from webapp.audit import registry
from webapp.web import navigation
from webapp.web.forms import labels_of
from webapp.web.navigation import SettingsTab


def init_app(app: Flask) -> None:
    """Add the pages, and what the audit trail records of applications."""
    labels = labels_of(ApplicationForm) | labels_of(ContentForm)
    registry.register(app, audit_events, audit_events.DETAILS, labels)
    app.register_blueprint(routes.blueprint)
    app.add_template_global(application_name)
    navigation.register(app, SettingsTab(_("Applications"), "applications.list_applications", 45))
