"""What the outbox adds to the application."""

from flask import Flask
from flask_babel import lazy_gettext as _

from webapp.core.app_state import app_state_of
from webapp.outbox import events, kinds, preview_routes, routes
from webapp.outbox.queue import EXTENSION, WakeUpQueue
from webapp.web import navigation
from webapp.web.navigation import NavigationEntry, Panel, SettingsTab


def init_app(app: Flask) -> None:
    """Register the pages, and open the queue that wakes the worker."""
    state = app_state_of(app)
    queue = WakeUpQueue(state.config.queue_url)
    queue.attach_to(state.database)
    app.extensions[EXTENSION] = queue
    events.init_app(app)
    kinds.register_kinds(app, kinds.TEST)
    app.register_blueprint(routes.blueprint)
    app.register_blueprint(preview_routes.blueprint)
    navigation.register(
        app,
        NavigationEntry(_("Outbox"), "outbox.messages", 30),
        SettingsTab(_("Emails"), "mails.message_kinds", 40),
        Panel("mail_server", 10, routes.delivery_status_panel),
    )
