"""What round trips add to the application."""

from flask import Flask

from webapp.core.jobs import cleanup_job, register_jobs
from webapp.mail.round_trips import routes, service


def init_app(app: Flask) -> None:
    """Add the pages, and delete old round trips."""
    app.register_blueprint(routes.blueprint)
    register_jobs(app, cleanup_job("delete old round trips", service.delete_old))
