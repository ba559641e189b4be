"""What accounts add to the application: pages, checks before every page, message kinds, audit events."""

from flask import Flask
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from webapp.accounts import audit_events, jobs, message_kinds, notifications, service, webhook_events
from webapp.accounts.address_changes import routes as address_change_routes
from webapp.accounts.bulk_jobs import jobs as bulk_job_jobs
from webapp.accounts.bulk_jobs import kinds as bulk_job_kinds
from webapp.accounts.bulk_jobs import routes as bulk_job_routes
from webapp.accounts.imports import routes as import_routes
from webapp.accounts.imports.service import IMPORT
from webapp.accounts.password_links import routes as password_link_routes
from webapp.accounts.profile import routes as profile_routes
from webapp.accounts.sessions import browser
from webapp.accounts.sessions import routes as session_routes
from webapp.accounts.sessions import service as sessions
from webapp.accounts.users import admin_link_routes, email_routes, selection_routes, setup_routes
from webapp.accounts.users import routes as user_routes
from webapp.accounts.users.forms import UserFilterForm
from webapp.accounts.users.resending import RESEND
from webapp.audit import registry
from webapp.core.keys import rotation
from webapp.mail.signals import expiry_alert_raised, mail_server_rolled_back
from webapp.web import navigation
from webapp.web.forms import labels_of
from webapp.web.navigation import NavigationEntry
from webapp.webhooks import registry as webhook_registry


def init_app(app: Flask) -> None:
    """Register everything."""
    registry.register(app, audit_events, audit_events.DETAILS, labels_of(UserFilterForm))
    webhook_registry.register(app, webhook_events)
    message_kinds.init_app(app)
    jobs.init_app(app)
    bulk_job_jobs.init_app(app)
    bulk_job_kinds.register(app, IMPORT)
    bulk_job_kinds.register(app, RESEND)
    # Keys are dropped when one may have leaked.
    rotation.keys_dropped.connect(_end_all_sessions)
    expiry_alert_raised.connect(notifications.email_administrators)
    mail_server_rolled_back.connect(notifications.email_about_rollback)
    registry.register_user_lookup(app, service.find_user_id)
    browser.init_app(app)
    profile_routes.init_app(app)
    session_routes.init_app(app)
    app.register_blueprint(session_routes.blueprint)
    app.register_blueprint(password_link_routes.blueprint)
    app.register_blueprint(address_change_routes.blueprint)
    app.register_blueprint(user_routes.blueprint)
    app.register_blueprint(import_routes.blueprint)
    app.register_blueprint(bulk_job_routes.blueprint)
    app.register_blueprint(selection_routes.blueprint)
    app.register_blueprint(admin_link_routes.blueprint)
    app.register_blueprint(email_routes.blueprint)
    app.register_blueprint(setup_routes.blueprint)
    navigation.register(app, NavigationEntry(_("Users"), "users.list_users", 20))


def _end_all_sessions(_sender: object, session: Session, **_data: object) -> None:
    sessions.end_for_everyone(session)
