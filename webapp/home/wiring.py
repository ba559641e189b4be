"""What Home adds to the application."""

from flask import Flask
from flask_babel import lazy_gettext as _

from webapp.home import routes
from webapp.web import navigation
from webapp.web.navigation import NavigationEntry


def init_app(app: Flask) -> None:
    """Add Home."""
    app.register_blueprint(routes.blueprint)
    navigation.register(app, NavigationEntry(_("Home"), "home.home", 10))
