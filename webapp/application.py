"""`create_app` puts the application together, package by package."""

from pathlib import Path

from flask import Flask

from webapp.accounts import wiring as accounts_wiring
from webapp.api import wiring as api_wiring
from webapp.applications import wiring as applications_wiring
from webapp.audit import wiring as audit_wiring
from webapp.core import logs
from webapp.core import wiring as core_wiring
from webapp.core.app_state import app_state_of
from webapp.core.config import Config
from webapp.demo import wiring as demo_wiring
from webapp.demo.routes import DEMO_PAGES
from webapp.home import wiring as home_wiring
from webapp.mail import wiring as mail_wiring
from webapp.mail.server_page import forms as mail_forms
from webapp.mail.server_page import oauth_routes
from webapp.monitoring import wiring as monitoring_wiring
from webapp.outbox import wiring as outbox_wiring
from webapp.process import health
from webapp.providers import registry
from webapp.settings import wiring as settings_wiring
from webapp.settings_file import wiring as settings_file_wiring
from webapp.web import access, cookies, csrf, error_pages, language, paths, security, templates
from webapp.webhooks import wiring as webhooks_wiring

HERE = Path(__file__).parent


def create_app(config: Config | None = None) -> Flask:
    """Create the application. Raises ConfigError or InvalidPlugin."""
    config = config or Config.from_environment()
    logs.configure(config)
    app = Flask("webapp", template_folder=template_folder(), static_folder=HERE / "static")
    # Otherwise Werkzeug would redirect paths with repeated slashes to the host that the request names.
    app.url_map.merge_slashes = False
    core_wiring.init_app(app, config)
    registry.init_app(app, config.plugin_dirs, reserved=mail_forms.RESERVED)
    paths.init_app(app)
    oauth_routes.init_app(app)
    access.init_app(app, DEMO_PAGES if config.demo == "on" else frozenset())
    security.init_app(app, config)
    csrf.init_app(app)
    cookies.init_app(app, config, app_state_of(app).keyring)
    language.init_app(app)
    templates.init_app(app)
    error_pages.init_app(app)
    health.init_app(app)
    audit_wiring.init_app(app)
    settings_wiring.init_app(app)
    applications_wiring.init_app(app)
    webhooks_wiring.init_app(app)
    mail_wiring.init_app(app)
    outbox_wiring.init_app(app)
    settings_file_wiring.init_app(app)
    accounts_wiring.init_app(app)
    monitoring_wiring.init_app(app)
    home_wiring.init_app(app)
    api_wiring.init_app(app)
    if config.demo == "on":
        demo_wiring.init_app(app)
    return app


def template_folder() -> Path:
    """Find the templates: inside the package once installed, at the top level in a checkout."""
    installed = HERE / "templates"
    return installed if installed.is_dir() else HERE.parent / "templates"
