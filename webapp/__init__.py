"""Mailroom: an application's account mail. `create_app` is the wiring, read top to bottom."""

from collections.abc import Callable
from pathlib import Path

from flask import Flask

from webapp import access, cookies, health, home, logs, pages, security
from webapp.accounts import blueprint as accounts
from webapp.accounts import routes as people_routes
from webapp.accounts import setup_routes, user_routes
from webapp.accounts.links import code_routes, handover_routes
from webapp.accounts.links import routes as link_routes
from webapp.accounts.passwords import routes as advice_routes
from webapp.accounts.sign_ins import confirm_routes, sessions
from webapp.accounts.sign_ins import routes as sign_in_routes
from webapp.audit import routes as audit
from webapp.bodies import Wsgi
from webapp.config import Config
from webapp.context import EXTENSION, Parts
from webapp.database import Database
from webapp.demo import routes as demo
from webapp.keys.columns import keep_current
from webapp.keys.ring import Keyring, LiveSealer
from webapp.mail import forms as mail_forms
from webapp.mail import routes as mail
from webapp.mail import transport
from webapp.mail.expiries import banner
from webapp.mail.grants import routes as grant_routes
from webapp.outbox import preview_routes as mails
from webapp.outbox import routes as outbox
from webapp.outbox.queue import Queue
from webapp.profile import address_routes, password_routes
from webapp.profile import routes as profile
from webapp.registry import load_providers
from webapp.settings import routes as settings
from webapp.webhooks import routes as webhooks

HERE = Path(__file__).parent
# Importing them is enough: they put their pages into the blueprints of accounts and of the profile.
THEIR_PAGES = (
    address_routes,
    advice_routes,
    code_routes,
    confirm_routes,
    handover_routes,
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
    if intake:
        app.wsgi_app = intake(app.wsgi_app)  # type: ignore[method-assign]
    security.protect(app, config)
    cookies.enable(app, config, keyring)
    sessions.enable(app)
    password_routes.guard(app)
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
