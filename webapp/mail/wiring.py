"""What mail servers add to the application."""

from flask import Flask, render_template
from flask_babel import lazy_gettext as _

from webapp.core import clock
from webapp.core.app_state import app_state
from webapp.mail import audit_details, jobs, webhook_events
from webapp.mail.deliverability import routes as deliverability_routes
from webapp.mail.expiry import labels as expiry_labels
from webapp.mail.expiry import service as expiries
from webapp.mail.revisions import outcomes
from webapp.mail.rollback import jobs as rollback_jobs
from webapp.mail.rollback import labels as revision_labels
from webapp.mail.rollback import routes as revision_routes
from webapp.mail.round_trips import wiring as round_trips
from webapp.mail.server_page import list_routes
from webapp.mail.signals import mail_server_works
from webapp.mail.transport import connection
from webapp.web import navigation
from webapp.web.navigation import Panel, SettingsTab
from webapp.webhooks import registry as webhook_registry


def init_app(app: Flask) -> None:
    """Add the mail server page, and the expiry alerts on every administrator's page."""
    connection.mail.init_app(app)
    audit_details.init_app(app)
    app.jinja_env.globals.update(expiry_labels=expiry_labels, revision_labels=revision_labels)
    jobs.init_app(app)
    mail_server_works.connect(outcomes.passed_test)
    rollback_jobs.init_app(app)
    webhook_registry.register(app, webhook_events)
    list_routes.init_app(app)
    round_trips.init_app(app)
    app.register_blueprint(deliverability_routes.blueprint)
    app.register_blueprint(revision_routes.blueprint)
    navigation.register(
        app,
        SettingsTab(_("Mail servers"), "mail.list_servers", 20, also="mail.mail_server"),
        Panel("page", 10, _expiry_alerts),
    )


def _expiry_alerts() -> str:
    """Render the alerts at the top of every administrator's page."""
    with app_state().database.read_columns() as connection:
        found = [expiry for expiry in expiries.of_all(connection, clock.now()) if expiry.needs_attention]
    return render_template("mail/_expiry_alerts.html", alerts=found) if found else ""
