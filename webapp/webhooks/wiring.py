"""What webhooks add to the application."""

from datetime import timedelta

from flask import Flask
from flask_babel import lazy_gettext as _

from webapp.audit import registry
from webapp.core.app_state import app_state
from webapp.core.jobs import Job, cleanup_job, register_jobs
from webapp.web import navigation
from webapp.web.forms import labels_of
from webapp.web.navigation import SettingsTab
from webapp.webhooks import audit_events, delivery, routes, service
from webapp.webhooks.forms import WebhookForm


def init_app(app: Flask) -> None:
    """Add the settings page of the webhook, and the jobs that deliver and delete events."""
    registry.register(app, audit_events, field_labels=labels_of(WebhookForm))
    app.register_blueprint(routes.blueprint)
    navigation.register(app, SettingsTab(_("Webhook"), "webhooks.settings", 50))
    register_jobs(
        app,
        Job(
            "deliver webhook events",
            lambda now: delivery.deliver_next(app_state(), now),
            timedelta(seconds=5),
            "delivery",
        ),
        cleanup_job("delete old webhook events", service.delete_old_events),
    )
