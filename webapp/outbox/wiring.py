"""Connect the outbox to an application."""

from flask import Flask

from webapp.core.app_state import app_state_of
from webapp.outbox import kinds, preview_routes, routes
from webapp.outbox.queue import EXTENSION, WakeUpQueue


def init_app(app: Flask) -> None:
    """Register the pages, and open the queue that wakes the worker."""
    state = app_state_of(app)
    queue = WakeUpQueue(state.config.queue_url)
    queue.attach_to(state.database)
    app.extensions[EXTENSION] = queue
    kinds.register_kinds(app, kinds.TEST)
    app.register_blueprint(routes.blueprint)
    app.register_blueprint(preview_routes.blueprint)
