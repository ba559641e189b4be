"""What the API adds to the application."""

from flask import Flask

from webapp.api import documentation, idempotency, sending
from webapp.api.document import BLUEPRINTS
from webapp.core.jobs import cleanup_job, register_jobs


def init_app(app: Flask) -> None:
    """Add the endpoints, their document and the page that shows it."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    documentation.init_app(app)
    sending.init_app(app)
    register_jobs(app, cleanup_job("delete old idempotency keys", idempotency.delete_old))
