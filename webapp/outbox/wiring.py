"""What the outbox adds to the application."""

from flask import Flask
from flask_babel import lazy_gettext as _
from sqlalchemy.orm import Session

from webapp.audit import registry
from webapp.core import clock
from webapp.mail.models import MailServer
from webapp.mail.server_page import deliveries
from webapp.mail.signals import grant_obtained, mail_server_saved, mail_server_works
from webapp.outbox import (
    audit_events,
    circuit_breaker,
    jobs,
    kinds,
    panels,
    preview_routes,
    routes,
    server_deliveries,
    service,
    webhook_events,
)
from webapp.outbox.signals import messages_ended
from webapp.outbox.submissions.message_kinds import APPLICATION_KIND
from webapp.settings.signals import settings_saved
from webapp.web import navigation
from webapp.web.navigation import NavigationEntry, Panel, SettingsTab
from webapp.webhooks import registry as webhook_registry


def init_app(app: Flask) -> None:
    """Add the pages, panels, jobs and message kinds."""
    registry.register(app, audit_events, audit_events.DETAILS)
    for signal in (settings_saved, mail_server_saved, grant_obtained):
        signal.connect(_retry_waiting)
    mail_server_works.connect(_resume)
    messages_ended.connect(webhook_events.announce)
    webhook_registry.register(app, webhook_events)
    kinds.register_kinds(app, kinds.TEST_KIND, APPLICATION_KIND)
    app.register_blueprint(routes.blueprint)
    app.register_blueprint(preview_routes.blueprint)
    navigation.register(
        app,
        NavigationEntry(_("Outbox"), "outbox.messages", 30),
        SettingsTab(_("Emails"), "emails.message_kinds", 40),
        Panel("page", 8, panels.failures_panel),
        Panel("mail_server", 10, panels.mail_server_panel),
        Panel("application", 10, panels.application_panel),
    )
    deliveries.register(app, server_deliveries.find)
    jobs.init_app(app)


def _retry_waiting(_sender: object, session: Session) -> None:
    # Before messages are locked, as deliveries do it.
    circuit_breaker.try_now(session, clock.now())
    service.retry_waiting(session)


def _resume(_sender: object, session: Session, server: MailServer) -> None:
    circuit_breaker.well(session, server.id, clock.now())
