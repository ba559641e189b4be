"""Mailroom: an application's account mail. `create_app` is the wiring, read top to bottom."""

from collections.abc import Callable
from pathlib import Path

from flask import Flask

from webapp.accounts import wiring as accounts
from webapp.audit import wiring as audit
from webapp.core import logs
from webapp.core import wiring as core
from webapp.core.app_state import app_state_of
from webapp.core.config import Config
from webapp.demo import wiring as demo
from webapp.demo.routes import PUBLIC as DEMO_PAGES
from webapp.home import wiring as home
from webapp.mail import wiring as mail
from webapp.mail.server_page import forms as mail_forms
from webapp.mail.server_page import oauth_routes
from webapp.outbox import wiring as outbox
from webapp.process import health
from webapp.process.request_bodies import Wsgi
from webapp.providers import registry
from webapp.settings import wiring as settings
from webapp.web import access, cookies, error_pages, navigation, security
from webapp.webhooks import wiring as webhooks

HERE = Path(__file__).parent


def create_app(config: Config | None = None, intake: Callable[[Wsgi], Wsgi] | None = None) -> Flask:
    """The application; `intake` takes its requests in, once it is known whose they are.

    Raises ConfigError or PluginRefused rather than start half-configured.
    """
    config = config or Config.from_environment()
    logs.configure(config)
    app = Flask(__name__, template_folder=template_folder(), static_folder=HERE / "static")
    # An address with slashes too many is none: werkzeug would lead on, to whatever host the request named.
    app.url_map.merge_slashes = False
    core.init_app(app, config)
    registry.init_app(app, config.plugin_dirs, reserved=mail_forms.RESERVED)
    oauth_routes.init_app(app)
    access.init_app(app, DEMO_PAGES if config.demo == "on" else frozenset())
    if intake:
        app.wsgi_app = intake(app.wsgi_app)  # type: ignore[method-assign]
    security.init_app(app, config)
    cookies.init_app(app, config, app_state_of(app).keyring)
    error_pages.init_app(app)
    navigation.init_app(app)
    app.register_blueprint(health.blueprint)
    audit.init_app(app)
    settings.init_app(app)
    webhooks.init_app(app)
    mail.init_app(app)
    outbox.init_app(app)
    accounts.init_app(app)
    home.init_app(app)
    if config.demo == "on":
        demo.init_app(app)
    return app


def template_folder() -> Path:
    """The templates: inside the package once installed, at the top level in a checkout."""
    installed = HERE / "templates"
    return installed if installed.is_dir() else HERE.parent / "templates"
