"""What the demo adds to the application."""

from flask import Flask
from flask_babel import lazy_gettext as _

from webapp.demo import routes
from webapp.web import navigation
from webapp.web.navigation import NavigationEntry, Panel


def init_app(app: Flask) -> None:
    """Add the demo's inbox, and list its accounts on the sign-in page."""
    app.register_blueprint(routes.blueprint)
    navigation.register(
        app,
        NavigationEntry(_("Demo inbox"), "demo.inbox", 60),
        Panel("login", 10, routes.accounts_panel),
        Panel("home", 20, routes.inbox_panel),
        Panel("home", 21, routes.application_panel),
    )
