"""What monitoring adds to the application."""

from flask import Flask

from webapp.mail.signals import mail_server_works
from webapp.monitoring import alarm, cache, jobs, message_kinds, panels, routes, server_alarm, webhook_events
from webapp.outbox.signals import server_in_trouble, server_well
from webapp.web import navigation
from webapp.web.navigation import Panel
from webapp.webhooks import registry as webhook_registry


def init_app(app: Flask) -> None:
    """Add the panel on Home with its charts, the jobs, and the email that says that mail works again."""
    cache.init_app(app)
    message_kinds.init_app(app)
    jobs.init_app(app)
    webhook_registry.register(app, webhook_events)
    mail_server_works.connect(alarm.end)
    server_in_trouble.connect(server_alarm.announce)
    server_well.connect(server_alarm.announce_end)
    app.register_blueprint(routes.blueprint)
    navigation.register(app, Panel("home", 10, panels.home_panel))
