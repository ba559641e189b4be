"""What the audit trail adds to the application."""

from flask import Flask
from flask_babel import lazy_gettext as _

from webapp.audit import audit_events, receivers, registry, routes
from webapp.audit.forms import FilterForm
from webapp.web import navigation
from webapp.web.forms import labels_of
from webapp.web.navigation import NavigationEntry


def init_app(app: Flask) -> None:
    """Add the page of the audit trail, and record what packages below announce."""
    registry.register(app, audit_events, audit_events.DETAILS, labels_of(FilterForm))
    receivers.init_app()
    app.register_blueprint(routes.blueprint)
    navigation.register(app, NavigationEntry(_("Audit"), "audit.entries", 40))
