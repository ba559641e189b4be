"""Mailroom: an application's account mail. `create_app` is the wiring, read top to bottom."""

from pathlib import Path

from flask import Flask

from webapp import access, health, home, logs, pages, security
from webapp.accounts import advice_routes as advice_routes  # these five put their pages into their room's blueprint
from webapp.accounts import code_routes as code_routes
from webapp.accounts import confirm_routes, sessions
from webapp.accounts import handover_routes as handover_routes
from webapp.accounts import link_routes as link_routes
from webapp.accounts import routes as accounts
from webapp.accounts import user_routes as user_routes
from webapp.audit import routes as audit
from webapp.config import Config
from webapp.context import EXTENSION, Parts
from webapp.database import Database
from webapp.demo import routes as demo
from webapp.keys.columns import keep_current
from webapp.keys.ring import Keyring, LiveSealer
from webapp.mail import banner, grant_routes, transport
from webapp.mail import forms as mail_forms
from webapp.mail import routes as mail
from webapp.outbox import preview_routes as mails
from webapp.outbox import routes as outbox
from webapp.outbox.queue import Queue
from webapp.profile import renew_routes
from webapp.profile import routes as profile
from webapp.registry import load_providers
from webapp.settings import routes as settings
from webapp.webhooks import routes as webhooks

HERE = Path(__file__).parent


def create_app(config: Config | None = None) -> Flask:
    """The application. Raises ConfigError or PluginRefused rather than start half-configured."""
    config = config or Config.from_environment()
    logs.configure(config)
    app = Flask(__name__, template_folder=template_folder(), static_folder=HERE / "static")
    # An address with slashes too many is none: werkzeug would lead on, to whatever host the request named.
    app.url_map.merge_slashes = False
    database = Database(config.database_url)
    keyring = Keyring(database, config)
    keep_current(database, keyring)
    app.extensions[EXTENSION] = Parts(
        config=config,
        database=database,
        keyring=keyring,
        sealer=LiveSealer(keyring),
        providers=load_providers(config.plugin_dirs, reserved=mail_forms.RESERVED),
        queue=Queue(config.queue_url),
    )
    grant_routes.guard(app)
    access.guard(app, demo.PUBLIC if config.demo == "on" else frozenset())
    security.protect(app, config, keyring)
    sessions.enable(app)
    renew_routes.guard(app)
    confirm_routes.guard(app)
    pages.enable(app)
    banner.enable(app)
    transport.mail.init_app(app)
    for room in (home, health, accounts, profile, settings, mail, mails, webhooks, outbox, audit):
        app.register_blueprint(room.blueprint)
    if config.demo == "on":
        app.register_blueprint(demo.blueprint)
    return app


def template_folder() -> Path:
    """The templates: inside the package once installed, at the top level in a checkout."""
    installed = HERE / "templates"
    return installed if installed.is_dir() else HERE.parent / "templates"
