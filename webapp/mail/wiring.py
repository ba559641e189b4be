"""What mail servers add to the application."""

from flask import Flask
from flask_babel import lazy_gettext as _

from webapp.mail import audit_details, jobs
from webapp.mail.expiry import banner
from webapp.mail.server_page import routes
from webapp.mail.transport import connection
from webapp.web import navigation
from webapp.web.navigation import Panel, SettingsTab


def init_app(app: Flask) -> None:
    """Add the mail server page, and the expiry alerts on every administrator's page."""
    connection.mail.init_app(app)
    audit_details.init_app(app)
    banner.init_app(app)
    jobs.init_app(app)
    app.register_blueprint(routes.blueprint)
    navigation.register(
        app,
        SettingsTab(_("Mail server"), "mail.mail_server", 20),
        Panel("page", 10, banner.expiry_alerts),
    )
