"""Mailroom: an application's account mail. `create_app` is the wiring, read top to bottom."""

from collections.abc import Callable
from pathlib import Path

from flask import Flask

from webapp.accounts import blueprint as accounts
from webapp.accounts import events as accounts_events
from webapp.accounts import message_kinds
from webapp.accounts import service as accounts_service
from webapp.accounts.address_changes import routes as address_routes
from webapp.accounts.password_links import advice_routes, code_routes
from webapp.accounts.password_links import routes as link_routes
from webapp.accounts.profile import password_routes
from webapp.accounts.profile import routes as profile
from webapp.accounts.sessions import browser, reauthentication_routes
from webapp.accounts.sessions import routes as sign_in_routes
from webapp.accounts.users import admin_link_routes, setup_routes, user_routes
from webapp.accounts.users import routes as people_routes
from webapp.audit import details as audit_details
from webapp.audit import registry as audit_registry
from webapp.audit import routes as audit
from webapp.core import logs
from webapp.core.app_state import EXTENSION, AppState
from webapp.core.config import Config
from webapp.core.database import Database
from webapp.core.keys.columns import reseal_on_write
from webapp.core.keys.keyring import Keyring, KeyringSealer
from webapp.demo import routes as demo
from webapp.home import routes as home
from webapp.mail import audit_details as mail_audit_details
from webapp.mail.expiry import banner
from webapp.mail.server_page import forms as mail_forms
from webapp.mail.server_page import oauth_routes as grant_routes
from webapp.mail.server_page import routes as mail
from webapp.mail.transport import connection
from webapp.outbox import events as outbox_events
from webapp.outbox import wiring as outbox_wiring
from webapp.process import health
from webapp.process.request_bodies import Wsgi
from webapp.providers import registry
from webapp.settings import events as settings_events
from webapp.settings import routes as settings
from webapp.web import access, cookies, error_pages, security
from webapp.webhooks import events as webhooks_events
from webapp.webhooks import routes as webhooks

HERE = Path(__file__).parent
# Importing them is enough: they put their pages into the blueprints of accounts and of the profile.
THEIR_PAGES = (
    address_routes,
    advice_routes,
    code_routes,
    reauthentication_routes,
    admin_link_routes,
    link_routes,
    password_routes,
    people_routes,
    setup_routes,
    sign_in_routes,
    user_routes,
)


def create_app(config: Config | None = None, intake: Callable[[Wsgi], Wsgi] | None = None) -> Flask:
    """The application; `intake` takes its requests in, once it is known whose they are.

    Raises ConfigError or PluginRefused rather than start half-configured.
    """
    config = config or Config.from_environment()
    logs.configure(config)
    app = Flask(__name__, template_folder=template_folder(), static_folder=HERE / "static")
    # An address with slashes too many is none: werkzeug would lead on, to whatever host the request named.
    app.url_map.merge_slashes = False
    database = Database(config.database_url)
    keyring = Keyring(database, config)
    reseal_on_write(database, keyring)
    app.extensions[EXTENSION] = AppState(
        config=config,
        database=database,
        keyring=keyring,
        sealer=KeyringSealer(keyring),
    )
    registry.init_app(app, config.plugin_dirs, reserved=mail_forms.RESERVED)
    outbox_wiring.init_app(app)
    message_kinds.init_app(app)
    grant_routes.init_app(app)
    access.init_app(app, demo.PUBLIC if config.demo == "on" else frozenset())
    if intake:
        app.wsgi_app = intake(app.wsgi_app)  # type: ignore[method-assign]
    security.init_app(app, config)
    cookies.init_app(app, config, keyring)
    browser.init_app(app)
    password_routes.init_app(app)
    reauthentication_routes.init_app(app)
    error_pages.init_app(app)
    banner.init_app(app)
    connection.mail.init_app(app)
    for events in (accounts_events, outbox_events, mail_audit_details, webhooks_events, settings_events, audit_details):
        events.init_app(app)
    audit_registry.register_user_lookup(app, accounts_service.find_user_id)
    for room in (home, health, accounts, profile, settings, mail, webhooks, audit):
        app.register_blueprint(room.blueprint)
    if config.demo == "on":
        app.register_blueprint(demo.blueprint)
    return app


def template_folder() -> Path:
    """The templates: inside the package once installed, at the top level in a checkout."""
    installed = HERE / "templates"
    return installed if installed.is_dir() else HERE.parent / "templates"
