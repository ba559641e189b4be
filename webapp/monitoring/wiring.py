"""What monitoring adds to the application."""

from flask import Flask

from webapp.mail.signals import mail_server_works
from webapp.monitoring import alarm, jobs, message_kinds, panels
from webapp.web import navigation
from webapp.web.navigation import Panel


def init_app(app: Flask) -> None:
    """Add the panel on Home, the jobs, and the email that says that mail works again."""
    message_kinds.init_app(app)
    jobs.init_app(app)
    mail_server_works.connect(alarm.end)
    navigation.register(app, Panel("home", 10, panels.home_panel))
