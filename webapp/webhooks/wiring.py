"""What webhooks add to the application."""

from datetime import timedelta

from flask import Flask
from flask_babel import lazy_gettext as _

from webapp.core.jobs import Job, cleanup_job, register_jobs
from webapp.web import navigation
from webapp.web.navigation import SettingsTab
from webapp.webhooks import delivery, events, routes, service


def init_app(app: Flask) -> None:
    """Add the settings page of the webhook, and the jobs that deliver and delete events."""
    events.init_app(app)
    app.register_blueprint(routes.blueprint)
    navigation.register(app, SettingsTab(_("Webhook"), "webhooks.settings", 50))
    register_jobs(
        app,
        Job("deliver webhook events", delivery.run_job, timedelta(seconds=5), "delivery"),
        cleanup_job("delete old webhook events", service.delete_old_events),
    )
